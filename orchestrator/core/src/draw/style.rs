//! The style sheet and the icons of the SVG. Every colour is a variable, so that an embedding page can override it. The
//! icons are centred on the origin.

/// The style sheet of the SVG. Its rules are limited to `.saga-graph`, because an embedding page includes it.
pub const STYLE_SHEET: &str = "
    .saga-graph { --paper: #ffffff; --box: #f4f6f9; --ink: #1d2733; --muted: #586675; --line: #6b7885; --back: #b3423a;
      --pivot: #b26a00; color: var(--ink); font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans',
      'DejaVu Sans', sans-serif; font-size: 13px; }
    @media (prefers-color-scheme: dark) {
      .saga-graph { --paper: #10151b; --box: #1b232c; --ink: #e6ebf0; --muted: #a3afbb; --line: #8a97a4;
        --back: #f0908a; --pivot: #f0b429; }
    }
    .saga-graph .paper { fill: var(--paper); }
    .saga-graph .box { fill: var(--box); stroke: var(--ink); stroke-width: 1.5; }
    .saga-graph text { fill: currentColor; text-anchor: middle; }
    .saga-graph .label { font-weight: 600; }
    .saga-graph .small { fill: var(--muted); font-size: 11px; }
    .saga-graph .live { font-size: 11px; font-weight: 600; }
    .saga-graph .word { fill: var(--pivot); font-size: 12px; font-weight: 600; }
    .saga-graph .way { fill: none; stroke: var(--line); stroke-width: 1.5; }
    .saga-graph .way-back { stroke: var(--back); }
    .saga-graph .way-undo { stroke: var(--back); stroke-dasharray: 2 3; }
    .saga-graph .way-word { stroke: var(--pivot); stroke-dasharray: 2 3; }
    .saga-graph .head { fill: var(--line); }
    .saga-graph .head-back { fill: var(--back); }
    .saga-graph .icon { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; }
    .saga-graph .full { fill: var(--ink); stroke: none; }
    .saga-graph .end .box { stroke-width: 4; }
    .saga-graph .pivot .task { stroke: var(--pivot); stroke-width: 3.5; }
    .saga-graph .edge .box, .saga-graph .back .box, .saga-graph .undo .box { stroke: var(--back); }
    .saga-graph .edge .icon, .saga-graph .back .icon { stroke: var(--back); }
    .saga-graph .edge .full, .saga-graph .back .full, .saga-graph .undo .full { fill: var(--back); stroke: none; }
    .saga-graph .undo .box { stroke-dasharray: 5 3; }
  ";

/// The radius and the dashes of a circle that draws the teeth of [`COG`].
pub(super) const COG_TEETH: (&str, &str) = ("5.2", "2.04 2.04");
pub(super) const COG: &str = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0M-1.2 0a1.2 1.2 0 1 0 2.4 0a1.2 1.2 0 1 0 -2.4 0";
pub(super) const LETTER: &str = "M-7 -5H7V5H-7ZM-7 -5L0 1L7 -5";
/// A table of rules.
pub(super) const TABLE: &str = "M-7 -5H7V5H-7ZM-7 -2H7M-7 1.5H7M-3 -2V5";
pub(super) const PLUS: &str = "M-11 0H11M0 -11V11";
pub(super) const CROSS: &str = "M-8 -8L8 8M-8 8L8 -8";
pub(super) const REWIND: &str = "M-1 -6L-9 0L-1 6ZM7 -6L-1 0L7 6Z";
pub(super) const BOLT: &str = "M-8 7L-3 -7L2 1L7 -8L3 7L-2 -1Z";
pub(super) const CLOCK: &str = "M-9 0a9 9 0 1 0 18 0a9 9 0 1 0 -18 0M0 -6V0L4 3";
/// An arrow head, 10 by 10.
pub(super) const HEAD: &str = "M0 0L10 5L0 10Z";
