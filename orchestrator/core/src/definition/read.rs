//! Reads a TOML table key by key. Errors are collected, so that all of them are reported at once; unknown keys are
//! errors.

use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::DefinitionError;
use super::keys::{Key, Table};

/// The span of each step in the text.
pub(super) type Places = Vec<Range<usize>>;

/// The errors found so far in one file.
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    errors: RefCell<Vec<DefinitionError>>,
}

impl<'t> Report<'t> {
    pub(super) const fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, errors: RefCell::new(Vec::new()) }
    }

    /// Adds an error at a span of the text.
    pub(super) fn error(
        &self,
        at: Option<Range<usize>>,
        step: Option<&str>,
        problem: impl Into<String>,
        write: impl Into<String>,
    ) {
        let line = at.and_then(|span| Some(self.text.get(..span.start)?.matches('\n').count() + 1));
        self.errors.borrow_mut().push(DefinitionError {
            file: self.file.to_owned(),
            line,
            step: step.map(str::to_owned),
            problem: problem.into(),
            write: write.into(),
        });
    }

    /// All errors, by line.
    pub(super) fn into_errors(self) -> Vec<DefinitionError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.line.unwrap_or(usize::MAX));
        errors
    }
}

/// Reads one table.
pub(super) struct Reader<'a> {
    report: &'a Report<'a>,
    table: &'a DeTable<'a>,
    /// The name of the table in errors, such as `[start]`.
    name: String,
    span: Range<usize>,
    step: Option<String>,
    /// The keys of the table.
    keys: &'static Table,
    /// Keys already reported as not allowed here.
    forbidden: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        report: &'a Report<'a>,
        name: &str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        keys: &'static Table,
    ) -> Self {
        Self { report, table, name: name.to_owned(), span, step: None, keys, forbidden: Vec::new() }
    }

    /// Sets the step that errors name.
    pub(super) fn in_step(mut self, step: Option<&str>) -> Self {
        self.step = step.map(str::to_owned);
        self
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Adds an error about this table.
    pub(super) fn error(&self, at: Range<usize>, problem: impl Into<String>, write: impl Into<String>) {
        self.report.error(Some(at), self.step.as_deref(), problem, write);
    }

    /// Returns true if the table has this key.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.table.contains_key(key.name)
    }

    /// The value under a key. A required key that is missing is an error.
    pub(super) fn value(&self, key: &Key) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.table.get(key.name);
        if value.is_none() && key.required {
            self.missing(key.name, &key.wants());
        }
        value
    }

    /// The value under a key, converted.
    pub(super) fn get<T>(&self, key: &Key, convert: impl FnOnce(&DeValue<'_>) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let converted = convert(value.get_ref());
        if converted.is_none() {
            let found = display_text(value.get_ref());
            let problem = format!("{} in {} is {found}", key.name, self.name);
            self.error(value.span(), problem, format!("write {}", key.wants()));
        }
        converted
    }

    /// Adds an error for each of these keys that is present.
    pub(super) fn forbid(&mut self, keys: &[&'static str], place: &str, write: &str) {
        for (key, _) in self.table.iter() {
            if let Some(known) = keys.iter().find(|known| **known == key.get_ref().as_ref()) {
                self.error(key.span(), format!("{known} is not allowed in {place}"), format!("write {write}"));
                self.forbidden.push(known);
            }
        }
    }

    /// Adds an error for a missing key.
    pub(super) fn missing(&self, key: &str, wants: &str) {
        self.error(self.span(), format!("{key} is missing in {}", self.name), format!("write {wants}"));
    }

    /// The table under a key.
    pub(super) fn table(&self, key: &Key, keys: &'static Table) -> Option<Reader<'a>> {
        self.as_table(key.name, self.value(key)?, keys)
    }

    /// A value as a table. In a step it is named by its key alone, elsewhere by its whole path.
    pub(super) fn as_table(
        &self,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        keys: &'static Table,
    ) -> Option<Reader<'a>> {
        let outer = self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let path = outer.map_or_else(|| key.to_owned(), |outer| format!("{outer}.{key}"));
        if let Some(table) = value.get_ref().as_table() {
            let name = if self.step.is_some() { key.to_owned() } else { format!("[{path}]") };
            return Some(Reader::new(self.report, &name, table, value.span(), keys).in_step(self.step.as_deref()));
        }
        let problem = format!("{key} in {} is {}", self.name, display_text(value.get_ref()));
        self.error(value.span(), problem, format!("write a table: {key} = {{ ... }}"));
        None
    }

    /// Reads an inline table with a shorter lifetime than this one.
    pub(super) fn inner<'b, T>(
        &'b self,
        name: &str,
        table: &'b DeTable<'b>,
        span: Range<usize>,
        keys: &'static Table,
        read: impl FnOnce(&mut Reader<'b>) -> T,
    ) -> T
    where
        'a: 'b,
    {
        let mut reader = Reader::new(self.report, name, table, span, keys).in_step(self.step.as_deref());
        let result = read(&mut reader);
        reader.finish();
        result
    }

    /// Every key with its value, for tables whose keys are names.
    pub(super) fn entries(&self) -> Vec<(String, Range<usize>, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().to_string(), key.span(), value)).collect()
    }

    /// Adds an error for each key that the table can't have.
    pub(super) fn finish(self) {
        let unknown = |key: &str| !self.keys.allows(key) && !self.forbidden.contains(&key);
        for (key, _) in self.table.iter().filter(|(key, _)| unknown(key.get_ref())) {
            let problem = format!("unknown key {:?} in {}", key.get_ref(), self.name);
            self.error(key.span(), problem, format!("write one of: {}", self.keys.names().join(", ")));
        }
    }
}

/// A value as errors name it.
pub(super) fn display_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

pub(super) fn text(value: &DeValue<'_>) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| text(item.get_ref())).collect()
}

/// A whole number above zero.
pub(super) fn count(value: &DeValue<'_>) -> Option<u32> {
    let number = value.as_integer()?;
    u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|count| *count > 0)
}

/// A number, whole or not.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = value.as_float().map(|float| float.as_str()).or_else(|| value.as_integer().map(|int| int.as_str()))?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A duration above zero, at most a year.
pub(super) fn duration(value: &DeValue<'_>) -> Option<Duration> {
    pause(value).filter(|duration| *duration >= Duration::from_millis(1))
}

/// A duration of at most a year, which may be zero.
pub(super) fn pause(value: &DeValue<'_>) -> Option<Duration> {
    let longest = Duration::from_secs(366 * 24 * 3600);
    humantime::parse_duration(value.as_str()?).ok().filter(|duration| *duration <= longest)
}

/// An identifier of letters, digits, `_` and `-`, at most 64 characters long.
pub(super) fn word(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str()?;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!text.is_empty() && text.len() <= 64 && text.chars().all(good)).then(|| text.to_owned())
}

/// A name of lowercase letters, digits and `-`, at most 64 characters long.
pub(super) fn name(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str()?;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!text.is_empty() && text.len() <= 64 && text.chars().all(good)).then(|| text.to_owned())
}

/// Any value but a date, as JSON.
pub(super) fn json(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from),
        DeValue::Float(_) => number(value).map(Value::from),
        DeValue::Boolean(yes) => Some(Value::from(*yes)),
        DeValue::Array(list) => list.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let pair = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Some((key.to_string(), json(value.get_ref())?))
            };
            table.iter().map(pair).collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
        }
        DeValue::Datetime(_) => None,
    }
}
