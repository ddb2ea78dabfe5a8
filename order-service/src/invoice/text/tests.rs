//! Tests of text as glyphs.

use super::{shape, words, wrap};
use crate::invoice::fonts::Fonts;

/// The starts of the glyphs in the text, from left to right.
fn starts(text: &str) -> Vec<usize> {
    let shaped = shape(&Fonts::built_in(), false, text);
    shaped.parts.iter().flat_map(|part| &part.glyphs).map(|glyph| glyph.text_range.start).collect()
}

fn is_shown(text: &str) -> bool {
    let shaped = shape(&Fonts::built_in(), false, text);
    shaped.parts.iter().flat_map(|part| &part.glyphs).all(|glyph| glyph.glyph_id.to_u32() != 0)
}

#[test]
fn text_from_right_to_left_is_ordered_so() {
    assert_eq!(starts("abc"), [0, 1, 2]);
    assert_eq!(starts("שלום"), [6, 4, 2, 0]);
    assert_eq!(starts("a שב 12"), [0, 1, 7, 8, 6, 4, 2], "the number stays from left to right");
}

#[test]
fn arabic_letters_join() {
    let alone: Vec<u32> = "بيت".chars().map(|letter| glyph_of(&letter.to_string())).collect();
    let shaped = shape(&Fonts::built_in(), false, "بيت");
    let joined: Vec<u32> = shaped.parts[0].glyphs.iter().rev().map(|glyph| glyph.glyph_id.to_u32()).collect();
    assert_eq!(joined.len(), 3);
    assert!(alone.iter().zip(&joined).all(|(alone, joined)| alone != joined), "{alone:?} {joined:?}");
}

fn glyph_of(text: &str) -> u32 {
    shape(&Fonts::built_in(), false, text).parts[0].glyphs[0].glyph_id.to_u32()
}

#[test]
fn the_built_in_font_has_the_scripts_around_the_mediterranean() {
    for text in ["São João €", "Москва", "Ελλάδα", "العربية", "שלום", "Հայաստան", "საქართველო"]
    {
        assert!(is_shown(text), "{text}");
    }
}

#[test]
fn a_character_without_a_font_is_shown_as_a_replacement_and_can_be_copied() {
    let replacement = glyph_of("\u{fffd}");
    let shaped = shape(&Fonts::built_in(), false, "a中b");
    let glyphs: Vec<_> = shaped.parts.iter().flat_map(|part| &part.glyphs).collect();
    assert_eq!((glyphs.len(), glyphs[1].glyph_id.to_u32()), (3, replacement));
    assert_eq!(shaped.text.get(glyphs[1].text_range.clone()), Some("中"));
}

#[test]
fn controls_and_line_ends_are_spaces() {
    assert_eq!(shape(&Fonts::built_in(), false, "a\u{1}b\u{2029}c\nd").text, "a b c d");
    assert_eq!(shape(&Fonts::built_in(), false, "").parts.len(), 0);
}

#[test]
fn lines_end_after_words_and_ideographs_and_the_last_one_is_cut() {
    assert_eq!(words("ab  cd e"), ["ab  ", "cd ", "e"]);
    assert_eq!(words("ab中文c"), ["ab", "中", "文", "c"]);
    let fonts = Fonts::built_in();
    let lines = |text: &str, width: f32, most: usize| {
        wrap(&fonts, false, text, width, most).into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(lines("one two three", 4.5, 9), ["one two", "three"]);
    assert_eq!(lines("one two three four", 4.5, 2).last().map(|line| line.ends_with('…')), Some(true));
    let long = lines(&"x".repeat(50), 10.0, 9);
    assert!(long.len() > 1 && long.concat() == "x".repeat(50), "{long:?}");
    assert!(wrap(&fonts, false, &"x".repeat(50), 10.0, 9).iter().all(|line| line.width <= 10.0));
    assert_eq!(lines("", 10.0, 9), [""]);
}
