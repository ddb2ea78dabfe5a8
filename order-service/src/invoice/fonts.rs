//! The fonts of PDF: DejaVu Sans, which is part of the program, and for each script that it lacks the first font found
//! in the directories of the settings. Fonts are read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use harfrust::ShaperData;
use krilla::Data;
use krilla::text::Font;
use skrifa::attribute::Style;
use skrifa::{FontRef, MetadataProvider as _};

/// Where systems have their fonts.
const SYSTEM: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
const MOST_FILES: usize = 2_000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;
const DEEPEST: usize = 6;

/// A script that DejaVu Sans lacks, and a letter that its fonts have.
const SCRIPTS: [(&str, char); 20] = [
    ("Han", '中'),
    ("Hiragana", 'あ'),
    ("Hangul", '한'),
    ("Devanagari", 'क'),
    ("Bengali", 'ক'),
    ("Gurmukhi", 'ਕ'),
    ("Gujarati", 'ક'),
    ("Tamil", 'க'),
    ("Telugu", 'క'),
    ("Kannada", 'ಕ'),
    ("Malayalam", 'ക'),
    ("Sinhala", 'ක'),
    ("Thai", 'ก'),
    ("Lao", 'ກ'),
    ("Tibetan", 'ཀ'),
    ("Myanmar", 'က'),
    ("Khmer", 'ក'),
    ("Ethiopic", 'ሀ'),
    ("Georgian", 'ა'),
    ("Armenian", 'ա'),
];

/// A font that can be shaped and embedded.
pub(super) struct Face {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    pub(super) font: Font,
    pub(super) shaper: ShaperData,
}

impl Face {
    /// `None` if it is not a font.
    fn of(bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Option<Self> {
        let font = Font::new(Data::from(Arc::clone(&bytes)), 0)?;
        let shaper = ShaperData::new(&FontRef::from_index(bytes.as_ref().as_ref(), 0).ok()?);
        Some(Self { bytes, font, shaper })
    }

    /// The font's tables.
    pub(super) fn tables(&self) -> Option<FontRef<'_>> {
        FontRef::from_index(self.bytes.as_ref().as_ref(), 0).ok()
    }

    /// Returns true if it has a glyph for the character.
    pub(super) fn has(&self, letter: char) -> bool {
        self.tables().is_some_and(|tables| has(&tables, letter))
    }
}

fn has(tables: &FontRef<'_>, letter: char) -> bool {
    tables.charmap().map(letter).is_some_and(|glyph| glyph.to_u32() != 0)
}

/// The fonts, read when the first PDF is written.
#[derive(Clone)]
pub(crate) struct LazyFonts(Arc<LazyParts>);

struct LazyParts {
    directories: Vec<PathBuf>,
    fonts: OnceLock<Fonts>,
}

impl LazyFonts {
    /// The fonts of these directories ([`Fonts::load`]).
    pub(crate) fn of(directories: Vec<PathBuf>) -> Self {
        Self(Arc::new(LazyParts { directories, fonts: OnceLock::new() }))
    }

    /// The fonts. It blocks while they are read.
    pub(crate) fn get(&self) -> &Fonts {
        self.0.fonts.get_or_init(|| Fonts::load(&self.0.directories))
    }
}

/// All fonts.
pub(crate) struct Fonts {
    /// Those of regular text, the preferred one first.
    regular: Vec<Face>,
    bold: Option<Face>,
}

impl Fonts {
    /// DejaVu Sans alone.
    pub(crate) fn built_in() -> Self {
        let face = |bytes: &'static [u8]| Face::of(Arc::new(bytes));
        Self { regular: face(dejavu::sans::regular()).into_iter().collect(), bold: face(dejavu::sans::bold()) }
    }

    /// DejaVu Sans and the fonts for other scripts in these directories, or in the system's if there are none.
    pub(crate) fn load(directories: &[PathBuf]) -> Self {
        let mut fonts = Self::built_in();
        let mut files = Vec::new();
        let system = SYSTEM.map(PathBuf::from);
        let directories = if directories.is_empty() { &system[..] } else { directories };
        for directory in directories {
            collect(directory, DEEPEST, &mut files);
        }
        let mut missing: Vec<(&str, char)> = SCRIPTS.into_iter().filter(|(_, letter)| !fonts.have(*letter)).collect();
        for file in files {
            if missing.is_empty() {
                break;
            }
            let Some(face) = read(&file, &missing) else { continue };
            let found: Vec<&str> =
                missing.iter().filter(|(_, letter)| face.has(*letter)).map(|(script, _)| *script).collect();
            tracing::info!(file = %file.display(), scripts = ?found, "a font for invoices");
            missing.retain(|(_, letter)| !face.has(*letter));
            fonts.regular.push(face);
        }
        fonts
    }

    /// The fonts of regular or bold text, the preferred one first.
    pub(super) fn faces(&self, bold: bool) -> impl Iterator<Item = &Face> {
        self.bold.iter().filter(move |_| bold).chain(&self.regular)
    }

    fn have(&self, letter: char) -> bool {
        self.regular.iter().any(|face| face.has(letter))
    }
}

/// The font files in a directory and those below it, by name.
fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        if matches!(extension.as_deref(), Some("ttf" | "otf" | "ttc")) {
            if files.len() < MOST_FILES {
                files.push(path);
            }
        } else if depth > 0 && path.is_dir() {
            collect(&path, depth - 1, files);
        }
    }
}

/// Reads a font of regular weight that has one of the missing scripts.
fn read(file: &Path, missing: &[(&str, char)]) -> Option<Face> {
    let size = fs::metadata(file).ok()?.len();
    if size > MOST_BYTES {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    let tables = FontRef::from_index(&bytes, 0).ok()?;
    let attributes = tables.attributes();
    let is_regular = attributes.style == Style::Normal && (350.0..=450.0).contains(&attributes.weight.value());
    let is_needed = missing.iter().any(|(_, letter)| has(&tables, *letter));
    if is_regular && is_needed { Face::of(Arc::new(bytes)) } else { None }
}

#[cfg(test)]
mod tests;
