//! Invoices and credit notes as documents: JSON in `document`, PDF in `pdf`, XML in `ubl`.

pub(crate) mod bill;
pub(crate) mod document;
pub(crate) mod fonts;
mod labels;
pub(crate) mod paper;
pub(crate) mod pdf;
mod pieces;
mod sums;
mod text;
pub(crate) mod ubl;
