//! Tests of the fonts that are found.

use std::fs;

use super::Fonts;

#[test]
fn the_first_font_of_regular_weight_with_a_missing_script_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    for (name, bytes) in [
        ("broken.ttf", &b"not a font"[..]),
        ("below/bold.ttf", dejavu::sans::bold()),
        ("below/same.ttf", dejavu::sans::regular()),
        ("readme.txt", b"x"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let fonts = Fonts::load(&[folder.path().to_owned()]);
    assert_eq!(fonts.faces(false).count(), 1, "they have no script that DejaVu Sans lacks");
    assert_eq!(fonts.faces(true).count(), 2);
    assert!(!fonts.have('中') && fonts.have('д'));
}
