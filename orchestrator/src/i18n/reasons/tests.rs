//! Tests of the translations, over every text in the engine's source.

use std::collections::BTreeSet;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

use super::*;

#[test]
fn a_text_of_the_engine_is_translated_with_its_values() {
    for (english, portuguese) in [
        ("out of retries: not answered in time", "tentativas esgotadas: sem resposta dentro do prazo"),
        ("out of retries: 503 from the bank", "tentativas esgotadas: 503 from the bank"),
        ("pause by techlead: the saga is ended", "pausa por techlead: the saga is ended"),
        (
            "cancel by techlead: all steps are done: the ending is confirmed",
            "cancelamento por techlead: todos os passos estão concluídos: o resultado é confirmado",
        ),
        (
            "late or repeated reply to execute: refused, out_of_stock; the step is done",
            "resposta atrasada ou repetida de execução: recusado, out_of_stock; o passo está concluído",
        ),
        (
            "a reply to compensate attempt 3, which was never sent",
            "resposta à tentativa 3 de compensação, que nunca foi enviada",
        ),
        (
            "reserve is running, with an attempt in flight: there is nothing to retry",
            "reserve está em andamento, com uma tentativa em andamento: não há o que tentar de novo",
        ),
        ("repeated callback {0} \"{1}\"", "retorno repetido {0} \"{1}\""),
        ("out_of_stock", "out_of_stock"),
        ("", ""),
    ] {
        assert_eq!(Lang::Pt.reason(english), portuguese);
        assert_eq!(Lang::En.reason(english), english);
    }
}

/// A text that the engine writes in several pieces is listed whole, and its pieces here.
const PIECES: [&str; 4] =
    ["{} {}", "{} is {}{}: there is nothing to retry", "the data of the reply is {}", "the answer is {}"];

#[test]
fn every_text_of_the_engine_has_a_translation() {
    let known: BTreeSet<String> = TEMPLATES.iter().map(|template| with_plain_slots(template.english)).collect();
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    let mut found = 0;
    for name in ["callback", "compensate", "decide", "operator", "outcome", "reply", "timer", "transition"] {
        let text = std::fs::read_to_string(core.join(name).with_extension("rs")).unwrap();
        let mut literals = Vec::new();
        collect_texts(text.parse().unwrap(), &mut literals);
        for literal in literals {
            found += 1;
            let plain = with_plain_slots(&literal);
            let is_piece = PIECES.contains(&plain.as_str()) || known.iter().any(|whole| whole.contains(&plain));
            assert!(
                is_piece || portuguese(&literal).is_some(),
                "{name}.rs writes {literal:?}, which has no translation in i18n/reasons.rs"
            );
        }
    }
    assert!(found > 30, "only {found} texts were found in {}", core.display());
}

#[test]
fn a_translation_has_every_value_of_its_text() {
    for template in TEMPLATES {
        let slots = template.english.matches('{').count();
        for index in 0..slots {
            assert!(template.portuguese.contains(&format!("{{{index}}}")), "{}: {{{index}}}", template.english);
        }
        assert_eq!(template.portuguese.matches('{').count(), slots, "{}", template.english);
    }
}

/// The string literals with a space in them, without those of attributes and documentation.
fn collect_texts(tokens: TokenStream, texts: &mut Vec<String>) {
    let mut after_hash = false;
    for token in tokens {
        match &token {
            TokenTree::Group(group) if !after_hash => collect_texts(group.stream(), texts),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                texts.extend(text.filter(|text| text.contains(' ')).map(str::to_owned));
            }
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
        // An inner attribute has a `!` between its `#` and its brackets.
        after_hash = match &token {
            TokenTree::Punct(punct) => punct.as_char() == '#' || after_hash && punct.as_char() == '!',
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
    }
}

/// The text with `{}` for each of its slots.
fn with_plain_slots(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        plain.push_str(literal);
        plain.push_str("{}");
        rest = after.split_once('}').unwrap().1;
    }
    plain + rest
}
