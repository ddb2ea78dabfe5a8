//! Reading a condition: a recursive descent over CEL's grammar, as far as conditions use it.

use serde_json::{Number, Value};

use super::expression::{Expression, Operator};
use crate::data::Path;

/// The longest text.
const LONGEST: usize = 1_000;
/// How deep brackets and `!` may nest.
const DEEPEST: usize = 32;

pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expression = parser.or()?;
    parser.blanks();
    if parser.at < text.len() { Err(parser.unexpected("&&, || or the end")) } else { Ok(expression) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

/// Longer ones before those they begin with.
const COMPARISONS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes a sign if it is there, after blanks.
    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let there = self.rest().starts_with(sign);
        self.at += if there { sign.len() } else { 0 };
        there
    }

    fn unexpected(&self, wanted: &str) -> String {
        let place = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        match self.rest().chars().next() {
            Some(found) => format!("at character {place} is {found:?}, where {wanted} should be"),
            None => format!("it ends where {wanted} should be"),
        }
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.sign("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.comparison()?;
        while self.sign("&&") {
            left = Expression::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let left = self.unary()?;
        let Some((_, operator)) = COMPARISONS.iter().find(|(sign, _)| self.sign(sign)) else { return Ok(left) };
        Ok(Expression::Compare(*operator, Box::new(left), Box::new(self.unary()?)))
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.depth == DEEPEST {
            return Err(format!("brackets and ! nest deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let expression = if self.sign("!") {
            Expression::Not(Box::new(self.unary()?))
        } else if self.sign("(") {
            let inner = self.or()?;
            self.need(")")?;
            inner
        } else {
            self.value()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn need(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("{sign:?}"))) }
    }

    fn value(&mut self) -> Result<Expression, String> {
        self.blanks();
        match self.rest().chars().next() {
            Some('"' | '\'') => Ok(Expression::Literal(Value::String(self.quoted()?))),
            Some('-' | '0'..='9') => self.number().map(|number| Expression::Literal(Value::Number(number))),
            Some(_) | None => match self.name() {
                Some("true") => Ok(Expression::Literal(Value::Bool(true))),
                Some("false") => Ok(Expression::Literal(Value::Bool(false))),
                Some("null") => Ok(Expression::Literal(Value::Null)),
                Some("has") if self.sign("(") => {
                    self.blanks();
                    let path = self.name().ok_or_else(|| self.unexpected("a path"))?;
                    let path = self.path(path)?;
                    self.need(")")?;
                    Ok(Expression::Has(path))
                }
                Some(first) => self.path(first).map(Expression::At),
                None => Err(self.unexpected("a path, a text, a number, has(, ! or (")),
            },
        }
    }

    /// A name of letters, digits and `_`, not beginning with a digit.
    fn name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..end).filter(|name| name.starts_with(|c: char| !c.is_ascii_digit()))?;
        self.at += end;
        Some(name)
    }

    /// What follows the first name of a path.
    fn path(&mut self, first: &str) -> Result<Path, String> {
        let mut path = first.to_owned();
        loop {
            if self.sign("[") {
                self.blanks();
                let index = match self.rest().chars().next() {
                    Some('"' | '\'') => self.quoted()?,
                    Some(_) | None => self.index()?,
                };
                self.need("]")?;
                path = format!("{path}.{index}");
            } else if self.sign(".") {
                self.blanks();
                let name = self.name().ok_or_else(|| self.unexpected("a name"))?;
                path = format!("{path}.{name}");
            } else {
                return Path::parse(&path).ok_or_else(|| {
                    format!("{path:?} is no path: names have letters, digits, _ and -, 200 bytes in all")
                });
            }
        }
    }

    fn index(&mut self) -> Result<String, String> {
        let digits = self.digits();
        if digits.is_empty() { Err(self.unexpected("a place such as 0, or a name in quotes")) } else { Ok(digits) }
    }

    fn digits(&mut self) -> String {
        let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
        self.at += digits.len();
        digits
    }

    /// A whole or decimal number, as in JSON.
    fn number(&mut self) -> Result<Number, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        match serde_json::from_str(text) {
            Ok(number) => {
                self.at += end;
                Ok(number)
            }
            Err(_) => Err(self.unexpected(&format!("a number (and {text:?} is none)"))),
        }
    }

    /// A text in quotes of either kind, with CEL's escapes for quotes, backslash, newline, return and tab.
    fn quoted(&mut self) -> Result<String, String> {
        let (mut text, mut escaped) = (String::new(), false);
        let mut characters = self.rest().char_indices();
        let quote = characters.next().map_or('"', |(_, quote)| quote);
        for (i, c) in characters {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, c) if c == quote => {
                    self.at += i + c.len_utf8();
                    return Ok(text);
                }
                (false, c) => text.push(c),
                (true, c) => {
                    text.push(match c {
                        '\\' | '"' | '\'' => c,
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => return Err(format!("\\{other} in a text means nothing; \\\\ is a backslash")),
                    });
                    escaped = false;
                }
            }
        }
        Err(format!("a text that begins with {quote} does not end"))
    }
}
