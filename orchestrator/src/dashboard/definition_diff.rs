//! The difference between two versions of a definition, line by line, with the words that differ.

use std::time::Duration;

use maud::{Markup, html};
use similar::{ChangeTag, InlineChange, TextDiff};

use super::context::{Content, PageRequest, Pages};
use crate::error::ApiError;
use crate::i18n::Lang;

/// Unchanged lines around a change.
const AROUND: usize = 3;
/// The longest comparison; a definition is at most some hundred kilobytes.
const LIMIT: Duration = Duration::from_millis(200);

/// The page: `/definitions/order/diff?from=4&to=5`.
pub(super) async fn content(pages: &Pages, request: &PageRequest, name: &str) -> Result<Content, ApiError> {
    let lang = request.lang;
    let version = |which: &str| {
        request.query.number(which)?.ok_or_else(|| {
            ApiError::bad_request(format!("{which}: a version is required"), format!("{which}: informe uma versão"))
        })
    };
    let old = pages.api.find_definition(name, Some(version("from")?)).await?;
    let new = pages.api.find_definition(name, Some(version("to")?)).await?;
    let title = format!("{} v{} → v{}", new.label.get(lang.tag()), old.version, new.version);
    // The versions do not change with the sagas, so the page does not update itself.
    let main = html! { div data-still="true" {
        p { a href="/definitions" { (lang.text("Definitions", "Definições")) } }
        h1 { (title) }
        (diff(old.source(), new.source(), lang))
    } };
    Ok(Content { title, main })
}

/// The changed lines with those around them.
fn diff(old: &str, new: &str, lang: Lang) -> Markup {
    let diff = TextDiff::configure().timeout(LIMIT).diff_lines(old, new);
    let groups = diff.grouped_ops(AROUND);
    let count = |tag: ChangeTag| diff.iter_all_changes().filter(|change| change.tag() == tag).count() as u64;
    let removed = count(ChangeTag::Delete);
    let added = count(ChangeTag::Insert);
    html! {
        p {
            (lang.count(removed, ["line removed", "lines removed"], ["linha removida", "linhas removidas"])) ", "
            (lang.count(added, ["added", "added"], ["acrescentada", "acrescentadas"]))
        }
        @if groups.is_empty() {
            p.empty { (lang.text("The versions do not differ.", "As versões não diferem.")) }
        } @else {
            div.scroll tabindex="0" role="region" aria-label=(lang.text("Differences", "Diferenças")) {
                table.diff { @for (index, ops) in groups.iter().enumerate() {
                    @if index > 0 { tbody { tr.gap { td colspan="4" { "⋯" } } } }
                    tbody { @for op in ops { @for change in diff.iter_inline_changes(op) { (line(&change, lang)) } } }
                } }
            }
        }
    }
}

fn line(change: &InlineChange<'_, str>, lang: Lang) -> Markup {
    let (class, sign, about) = match change.tag() {
        ChangeTag::Equal => ("same", " ", ""),
        ChangeTag::Delete => ("removed", "−", lang.text("removed", "removida")),
        ChangeTag::Insert => ("added", "+", lang.text("added", "acrescentada")),
    };
    let number = |index: Option<usize>| index.map_or_else(String::new, |index| (index + 1).to_string());
    html! { tr class=(class) {
        td.line { (number(change.old_index())) }
        td.line { (number(change.new_index())) }
        td.sign { span aria-hidden="true" { (sign) } span.only-read { (about) } }
        td.code { code { @for (differs, text) in change.iter_strings_lossy() {
            @let text = text.trim_end_matches(['\r', '\n']);
            @if differs { mark { (text) } } @else { (text) }
        } } }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_the_words_in_them_are_marked_and_escaped() {
        let old = "a\nb\nc\nname = \"<b>pay\"\ntimeout = \"10s\"\n";
        let new = "a\nb\nc\nname = \"<b>pay\"\ntimeout = \"20s\"\nnew = 1\n";
        let text = diff(old, new, Lang::En).into_string();
        assert!(text.contains("<p>1 line removed, 2 added</p>"), "{text}");
        for (from, to, english, portuguese) in [
            (old, new, "1 line removed, 2 added", "1 linha removida, 2 acrescentadas"),
            (new, old, "2 lines removed, 1 added", "2 linhas removidas, 1 acrescentada"),
            (old, old, "0 lines removed, 0 added", "0 linhas removidas, 0 acrescentadas"),
        ] {
            assert!(diff(from, to, Lang::En).into_string().contains(english), "{english}");
            assert!(diff(from, to, Lang::Pt).into_string().contains(portuguese), "{portuguese}");
        }
        assert!(text.contains("&lt;b&gt;pay") && !text.contains("<b>"), "{text}");
        assert!(text.contains("<tr class=\"removed\">") && text.contains("<mark>"), "{text}");
        assert!(diff(old, old, Lang::Pt).into_string().contains("não diferem"));
    }
}
