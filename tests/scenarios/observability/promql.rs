//! The metrics and labels that a PromQL expression uses.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use promql_parser::label::{Labels, MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

/// A selector of an expression: a metric and the labels it is selected by.
#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    pub(crate) matchers: Vec<Matcher>,
}

/// The labels of an aggregation or a match of two vectors, and the metrics that have them.
#[derive(Debug)]
pub(crate) struct Grouping {
    pub(crate) labels: Vec<String>,
    pub(crate) metrics: BTreeSet<String>,
}

/// What an expression uses.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) selectors: Vec<Selector>,
    pub(crate) groupings: Vec<Grouping>,
}

/// Parses an expression.
pub(crate) fn used(expr: &str) -> Result<Used> {
    let parsed = parse(expr).map_err(|error| anyhow!("{expr}: {error}"))?;
    let mut used = Used::default();
    walk_expr(&mut used, &parsed)?;
    Ok(used)
}

/// The metric and the labels of a sample such as `http_requests_total{status="201"}`.
pub(crate) fn sample(text: &str) -> Result<(String, Vec<(String, String)>)> {
    let used = used(text)?;
    let [Selector { metric, matchers }] = <[Selector; 1]>::try_from(used.selectors).map_err(|_| anyhow!("{text}"))?;
    Ok((metric, matchers.into_iter().map(|label| (label.name, label.value)).collect()))
}

impl Used {
    fn select(&mut self, selector: &VectorSelector) -> Result<()> {
        let metric = selector.name.clone().ok_or_else(|| anyhow!("a selector without a metric: {selector}"))?;
        let matchers = selector.matchers.matchers.clone();
        self.selectors.push(Selector { metric, matchers });
        Ok(())
    }

    fn group(&mut self, labels: &Labels, parts: &[&Expr]) -> Result<()> {
        let mut below = Self::default();
        for part in parts {
            walk_expr(&mut below, part)?;
        }
        let metrics = below.selectors.into_iter().map(|selector| selector.metric).collect();
        self.groupings.push(Grouping { labels: labels.labels.clone(), metrics });
        Ok(())
    }
}

impl ExprVisitor for Used {
    type Error = anyhow::Error;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool> {
        if let Expr::VectorSelector(selector) = expr {
            self.select(selector)?;
        }
        if let Expr::MatrixSelector(range) = expr {
            self.select(&range.vs)?;
        }
        if let Expr::Aggregate(aggregate) = expr
            && let Some(modifier) = &aggregate.modifier
        {
            self.group(modifier.labels(), &[&aggregate.expr])?;
        }
        if let Expr::Binary(binary) = expr
            && let Some(matching) = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref())
        {
            self.group(matching.labels(), &[&binary.lhs, &binary.rhs])?;
        }
        Ok(true)
    }
}

/// The value that a matcher requires; `None` if it permits several.
pub(crate) fn required(matcher: &Matcher) -> Option<&str> {
    (matcher.op == MatchOp::Equal).then_some(matcher.value.as_str())
}
