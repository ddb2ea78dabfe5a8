//! The labels on an invoice and a credit note in both languages.

use crate::order::delivery::Language;

/// The labels in one language.
pub(super) struct Labels {
    /// Of the language (BCP 47).
    pub(super) tag: &'static str,
    pub(super) invoice: &'static str,
    pub(super) credit_note: &'static str,
    pub(super) tax_id: &'static str,
    pub(super) bill_to: &'static str,
    pub(super) date: &'static str,
    pub(super) due_date: &'static str,
    pub(super) order: &'static str,
    pub(super) customer: &'static str,
    pub(super) status: &'static str,
    pub(super) due: &'static str,
    pub(super) paid: &'static str,
    pub(super) void: &'static str,
    pub(super) void_since: &'static str,
    pub(super) for_invoice: &'static str,
    pub(super) for_return: &'static str,
    pub(super) item: &'static str,
    pub(super) quantity: &'static str,
    pub(super) each: &'static str,
    pub(super) amount: &'static str,
    pub(super) sum: &'static str,
    pub(super) adjustment: &'static str,
    pub(super) net: &'static str,
    pub(super) total: &'static str,
    pub(super) total_due: &'static str,
    pub(super) total_credited: &'static str,
    pub(super) refunded: &'static str,
    pub(super) contained_net: &'static str,
    pub(super) contained_tax: &'static str,
    pub(super) page: &'static str,
}

const ENGLISH: Labels = Labels {
    tag: "en",
    invoice: "Invoice",
    credit_note: "Credit note",
    tax_id: "Tax number",
    bill_to: "Bill to",
    date: "Date",
    due_date: "Due date",
    order: "Order",
    customer: "Customer",
    status: "Status",
    due: "due",
    paid: "paid",
    void: "void",
    void_since: "void since",
    for_invoice: "For invoice",
    for_return: "For return",
    item: "Item",
    quantity: "Quantity",
    each: "Each",
    amount: "Amount",
    sum: "Sum of the items",
    adjustment: "Adjustment to the agreed amount",
    net: "Total without taxes",
    total: "Total",
    total_due: "Total due",
    total_credited: "Total credited",
    refunded: "Refunded for returns",
    contained_net: "contains without taxes",
    contained_tax: "contains",
    page: "Page",
};

const PORTUGUESE: Labels = Labels {
    tag: "pt",
    invoice: "Fatura",
    credit_note: "Nota de crédito",
    tax_id: "Número fiscal",
    bill_to: "Cliente",
    date: "Data",
    due_date: "Vencimento",
    order: "Pedido",
    customer: "Cliente n.º",
    status: "Situação",
    due: "em aberto",
    paid: "paga",
    void: "anulada",
    void_since: "anulada desde",
    for_invoice: "Da fatura",
    for_return: "Devolução",
    item: "Artigo",
    quantity: "Quantidade",
    each: "Unitário",
    amount: "Valor",
    sum: "Soma dos artigos",
    adjustment: "Ajuste ao valor combinado",
    net: "Total sem impostos",
    total: "Total",
    total_due: "Total a pagar",
    total_credited: "Total creditado",
    refunded: "Reembolsado por devoluções",
    contained_net: "contém, sem impostos",
    contained_tax: "contém",
    page: "Página",
};

impl Labels {
    /// The labels in a language.
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::Pt => &PORTUGUESE,
        }
    }
}
