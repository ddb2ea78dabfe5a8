//! The condition under which a node is reached: a disjunction of conjunctions of literals, kept small by merging terms
//! that differ in the sign of one literal. So a branch and its bypass together reach the node behind them always.

/// The most terms of a formula.
const MAX_TERMS: usize = 32;

/// A condition of the file, or its negation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Literal {
    text: String,
    negated: bool,
}

/// All of these literals.
type Term = Vec<Literal>;

/// Any of these terms: no term never holds, an empty term always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formula {
    terms: Vec<Term>,
}

impl Formula {
    pub(super) fn always() -> Self {
        Self { terms: vec![Vec::new()] }
    }

    pub(super) const fn never() -> Self {
        Self { terms: Vec::new() }
    }

    /// A condition. `!(...)` around all of it becomes a sign.
    pub(super) fn of(text: &str) -> Self {
        let mut text = text.trim();
        let mut negated = false;
        loop {
            if let Some(inner) = text.strip_prefix('!').and_then(|rest| enclosed(rest.trim_start())) {
                negated = !negated;
                text = inner.trim();
            } else if let Some(inner) = enclosed(text) {
                text = inner.trim();
            } else {
                return Self { terms: vec![vec![Literal { text: text.to_owned(), negated }]] };
            }
        }
    }

    /// The negation of a single condition.
    pub(super) fn not(text: &str) -> Self {
        Self::of(&format!("!({text})"))
    }

    /// Both formulas; `None` if that has too many terms.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let mut terms = Vec::new();
        for left in &self.terms {
            for right in &other.terms {
                let mut term: Term = left.iter().chain(right).cloned().collect();
                sort(&mut term);
                if !contradicts(&term) {
                    terms.push(term);
                }
            }
        }
        simplified(terms)
    }

    /// Either formula; `None` if that has too many terms.
    pub(super) fn or(&self, other: &Self) -> Option<Self> {
        simplified(self.terms.iter().chain(&other.terms).cloned().collect())
    }

    /// The formula as a condition; `None` if it always holds.
    pub(super) fn text(&self) -> Option<String> {
        if self.terms.iter().any(Vec::is_empty) {
            return None;
        }
        let several = self.terms.len() > 1;
        let term = |term: &Term| {
            let inner = term.iter().map(|literal| literal.text(term.len() > 1 || several)).collect::<Vec<_>>();
            if several && term.len() > 1 { format!("({})", inner.join(" && ")) } else { inner.join(" && ") }
        };
        Some(self.terms.iter().map(term).collect::<Vec<_>>().join(" || "))
    }
}

impl Literal {
    fn text(&self, is_operand: bool) -> String {
        let Self { text, negated } = self;
        let is_compound = text.contains("||") || text.contains("&&");
        if *negated {
            format!("!({text})")
        } else if is_operand && is_compound {
            format!("({text})")
        } else {
            text.clone()
        }
    }
}

/// The inside of parentheses that enclose the whole text.
fn enclosed(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return if i + 1 == text.len() { text.get(1..i).filter(|_| text.starts_with('(')) } else { None };
                }
            }
            (None, _) if depth == 0 => return None,
            (None, _) => {}
        }
    }
    None
}

fn sort(term: &mut Term) {
    // The order of first appearance reads best; only repetitions go.
    let mut seen: Term = Vec::new();
    for literal in term.drain(..) {
        if !seen.contains(&literal) {
            seen.push(literal);
        }
    }
    *term = seen;
}

fn contradicts(term: &Term) -> bool {
    term.iter().any(|a| term.iter().any(|b| a.text == b.text && a.negated != b.negated))
}

/// The literal whose sign is the only difference of two terms.
fn only_difference(left: &Term, right: &Term) -> Option<Literal> {
    let mut different = left.iter().filter(|literal| !right.contains(literal));
    let one = different.next()?;
    let flipped = Literal { text: one.text.clone(), negated: !one.negated };
    (different.next().is_none() && left.len() == right.len() && right.contains(&flipped)).then(|| one.clone())
}

fn simplified(mut terms: Vec<Term>) -> Option<Formula> {
    loop {
        let mut kept: Vec<Term> = Vec::new();
        for term in terms {
            let implied = |weaker: &Term| weaker.iter().all(|literal| term.contains(literal));
            if !kept.iter().any(implied) {
                kept.retain(|other| !term.iter().all(|literal| other.contains(literal)));
                kept.push(term);
            }
        }
        if kept.len() > MAX_TERMS {
            return None;
        }
        let pairs = (0..kept.len()).flat_map(|i| (0..i).map(move |j| (j, i)));
        let merge = pairs.filter_map(|(j, i)| Some((j, i, only_difference(kept.get(j)?, kept.get(i)?)?))).next();
        let Some((j, i, literal)) = merge else { return Some(Formula { terms: kept }) };
        kept.remove(i);
        if let Some(term) = kept.get_mut(j) {
            term.retain(|other| *other != literal);
        }
        terms = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_and_its_bypass_together_always_hold() {
        let branch = Formula::of("order.gift");
        let bypass = Formula::of("!(order.gift)");
        assert_eq!(branch.or(&bypass).unwrap(), Formula::always());
        assert_eq!(branch.and(&bypass).unwrap(), Formula::never());
        let inner = Formula::of("order.paid");
        let both = inner.and(&branch).unwrap().or(&inner.and(&bypass).unwrap()).unwrap();
        assert_eq!(both.text().as_deref(), Some("order.paid"));
    }

    #[test]
    fn a_condition_keeps_its_text() {
        for text in ["a.b > 0", "has(a.b) && a.c == \"(x)\"", "!a.b", "(a || b) && (c || d)", "!(a) && !(b)"] {
            assert_eq!(Formula::of(text).text().as_deref(), Some(text));
        }
        assert_eq!(Formula::of("( !( !(a || b) ) )").text().as_deref(), Some("a || b"));
        assert_eq!(Formula::not("a || b").text().as_deref(), Some("!(a || b)"));
        assert_eq!(Formula::always().text(), None);
    }

    #[test]
    fn terms_are_parenthesised() {
        let a = Formula::of("a || b").and(&Formula::of("c")).unwrap();
        assert_eq!(a.text().as_deref(), Some("(a || b) && c"));
        let b = a.or(&Formula::of("d").and(&Formula::of("e")).unwrap()).unwrap();
        assert_eq!(b.text().as_deref(), Some("((a || b) && c) || (d && e)"));
    }

    #[test]
    fn the_number_of_terms_is_bounded() {
        let mut formula = Formula::never();
        for i in 0..MAX_TERMS {
            formula = formula.or(&Formula::of(&format!("a{i}"))).unwrap();
        }
        assert_eq!(formula.or(&Formula::of("one_more")), None);
    }
}
