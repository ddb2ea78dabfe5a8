//! Invoices as documents: JSON in `document`, PDF in `pdf`.

pub(crate) mod document;
pub(crate) mod pdf;
