//! Parses a condition: a recursive descent parser for a subset of CEL's grammar.

use serde_json::{Number, Value};

use super::expression::{Expression, Operator};
use crate::data::Path;

/// The maximum length of a condition, in bytes.
const MAX_LENGTH: usize = 1_000;
/// The maximum nesting of parentheses and `!`.
const MAX_DEPTH: usize = 32;

pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("it is longer than {MAX_LENGTH} bytes"));
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expression = parser.or()?;
    parser.skip_whitespace();
    if parser.at < text.len() { Err(parser.unexpected("&&, || or the end")) } else { Ok(expression) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

/// Longer operators precede their prefixes.
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

    /// Skips whitespace.
    fn skip_whitespace(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Consumes a token if it is next, after whitespace.
    fn token(&mut self, token: &str) -> bool {
        self.skip_whitespace();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn unexpected(&self, wanted: &str) -> String {
        let position = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        match self.rest().chars().next() {
            Some(found) => format!("expected {wanted} at character {position}, found {found:?}"),
            None => format!("expected {wanted} at the end"),
        }
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.token("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.comparison()?;
        while self.token("&&") {
            left = Expression::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let left = self.unary()?;
        let Some((_, operator)) = COMPARISONS.iter().find(|(token, _)| self.token(token)) else { return Ok(left) };
        Ok(Expression::Compare(*operator, Box::new(left), Box::new(self.unary()?)))
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.depth == MAX_DEPTH {
            return Err(format!("parentheses and ! are nested deeper than {MAX_DEPTH}"));
        }
        self.depth += 1;
        let expression = if self.token("!") {
            Expression::Not(Box::new(self.unary()?))
        } else if self.token("(") {
            let inner = self.or()?;
            self.need(")")?;
            inner
        } else {
            self.value()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn need(&mut self, token: &str) -> Result<(), String> {
        if self.token(token) { Ok(()) } else { Err(self.unexpected(&format!("{token:?}"))) }
    }

    fn value(&mut self) -> Result<Expression, String> {
        self.skip_whitespace();
        match self.rest().chars().next() {
            Some('"' | '\'') => Ok(Expression::Literal(Value::String(self.quoted()?))),
            Some('-' | '0'..='9') => self.number().map(|number| Expression::Literal(Value::Number(number))),
            Some(_) | None => match self.name() {
                Some("true") => Ok(Expression::Literal(Value::Bool(true))),
                Some("false") => Ok(Expression::Literal(Value::Bool(false))),
                Some("null") => Ok(Expression::Literal(Value::Null)),
                Some("has") if self.token("(") => {
                    self.skip_whitespace();
                    let path = self.name().ok_or_else(|| self.unexpected("a path"))?;
                    let path = self.path(path)?;
                    self.need(")")?;
                    Ok(Expression::Has(path))
                }
                Some(first) => self.path(first).map(Expression::At),
                None => Err(self.unexpected("a path, a string, a number, has(, ! or (")),
            },
        }
    }

    /// Consumes a name of letters, digits and `_` that does not begin with a digit.
    fn name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..end).filter(|name| name.starts_with(|c: char| !c.is_ascii_digit()))?;
        self.at += end;
        Some(name)
    }

    /// Consumes the rest of a path after its first name.
    fn path(&mut self, first: &str) -> Result<Path, String> {
        let mut path = first.to_owned();
        loop {
            if self.token("[") {
                self.skip_whitespace();
                let index = match self.rest().chars().next() {
                    Some('"' | '\'') => self.quoted()?,
                    Some(_) | None => self.index()?,
                };
                self.need("]")?;
                path = format!("{path}.{index}");
            } else if self.token(".") {
                self.skip_whitespace();
                let name = self.name().ok_or_else(|| self.unexpected("a name"))?;
                path = format!("{path}.{name}");
            } else {
                return Path::parse(&path).ok_or_else(|| {
                    format!("{path:?} is not a path: names have letters, digits, _ and -, at most 200 bytes in total")
                });
            }
        }
    }

    fn index(&mut self) -> Result<String, String> {
        let digits = self.digits();
        if digits.is_empty() { Err(self.unexpected("an index such as 0, or a quoted name")) } else { Ok(digits) }
    }

    fn digits(&mut self) -> String {
        let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
        self.at += digits.len();
        digits
    }

    /// Consumes a JSON number.
    fn number(&mut self) -> Result<Number, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        match serde_json::from_str(text) {
            Ok(number) => {
                self.at += end;
                Ok(number)
            }
            Err(_) => Err(self.unexpected(&format!("a number (not {text:?})"))),
        }
    }

    /// Consumes a quoted string, with CEL's escapes for quotes, backslash, newline, return and tab.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut escaped = false;
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
                        other => return Err(format!("unknown escape \\{other}; write \\\\ for a backslash")),
                    });
                    escaped = false;
                }
            }
        }
        Err(format!("the string that begins with {quote} is not closed"))
    }
}
