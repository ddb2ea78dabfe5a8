//! The columns of a list of sagas, and a user's choice of them, which a cookie keeps.

use axum::http::HeaderMap;

use crate::i18n::Lang;
use crate::sessions::cookie;

/// The name of the cookie.
pub(super) const COOKIE: &str = "columns";

/// A column; the id is always shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Definition,
    Status,
    Ending,
    Step,
    Attempt,
    Waiting,
    Error,
    Amount,
    Customer,
    Started,
    Updated,
}

impl Column {
    /// All columns, in their order.
    pub(super) const ALL: [Self; 11] = [
        Self::Definition,
        Self::Status,
        Self::Ending,
        Self::Step,
        Self::Attempt,
        Self::Waiting,
        Self::Error,
        Self::Amount,
        Self::Customer,
        Self::Started,
        Self::Updated,
    ];

    /// Its name in the cookie and the form.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Status => "status",
            Self::Ending => "ending",
            Self::Step => "step",
            Self::Attempt => "attempt",
            Self::Waiting => "waiting",
            Self::Error => "error",
            Self::Amount => "amount",
            Self::Customer => "customer",
            Self::Started => "started",
            Self::Updated => "updated",
        }
    }

    /// Its head.
    pub(super) const fn head(self, lang: Lang) -> &'static str {
        match self {
            Self::Definition => lang.text("Definition", "Definição"),
            Self::Status => "Status",
            Self::Ending => lang.text("Result", "Resultado"),
            Self::Step => lang.text("Current step", "Passo atual"),
            Self::Attempt => lang.text("Attempt", "Tentativa"),
            Self::Waiting => lang.text("Waiting", "Aguardando"),
            Self::Error => lang.text("Last error", "Último erro"),
            Self::Amount => lang.text("Amount", "Valor"),
            Self::Customer => lang.text("Customer", "Cliente"),
            Self::Started => lang.text("Started", "Início"),
            Self::Updated => lang.text("Updated", "Atualizada"),
        }
    }
}

/// The columns that are shown, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns(Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        Self(Column::ALL.into_iter().filter(|column| *column != Column::Updated).collect())
    }
}

impl Columns {
    /// The choice in the cookies of a request. Unknown names are ignored.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        cookie(headers, COOKIE).map_or_else(Self::default, |text| Self::named(text.split('.')))
    }

    /// The columns of these names; the default without any.
    pub(super) fn named<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.collect();
        let chosen: Vec<Column> = Column::ALL.into_iter().filter(|known| names.contains(&known.as_str())).collect();
        if chosen.is_empty() { Self::default() } else { Self(chosen) }
    }

    /// The columns.
    pub(super) fn iter(&self) -> impl Iterator<Item = Column> + '_ {
        self.0.iter().copied()
    }

    /// Returns true if the column is shown.
    pub(super) fn has(&self, column: Column) -> bool {
        self.0.contains(&column)
    }

    /// The value of the cookie.
    pub(super) fn to_cookie(&self) -> String {
        self.iter().map(Column::as_str).collect::<Vec<_>>().join(".")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn a_choice_is_read_back_from_its_cookie() {
        let of = |text: &str| Columns::of(&HeaderMap::from_iter([(header::COOKIE, text.parse().unwrap())]));
        let chosen = Columns::named(["amount", "status"].into_iter());
        assert_eq!(of(&format!("a=b; {COOKIE}={}", chosen.to_cookie())), chosen);
        assert_eq!(chosen.iter().collect::<Vec<_>>(), [Column::Status, Column::Amount], "in the order of the table");
        for text in ["a=b", "columns=", "columns=x.y"] {
            assert_eq!(of(text), Columns::default(), "{text}");
        }
        assert!(!Columns::default().has(Column::Updated));
    }
}
