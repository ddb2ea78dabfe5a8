//! Compares a provider's report with the service's payments. No I/O: `tools` reads both.

use std::collections::BTreeMap;
use std::fmt;

use common::money::{Currency, Decimal};
use serde::Deserialize;

/// A payment as the API lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedPayment {
    /// The payment's id.
    pub payment_id: String,
    /// The provider's id of the payment.
    pub reference: Option<String>,
    /// The provider.
    pub provider: String,
    /// Its status.
    pub status: String,
    /// The price.
    pub amount: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// The captured amount.
    pub captured: Decimal,
    /// The refunded part of it.
    pub refunded: Decimal,
}

/// A line of a report, unparsed.
#[derive(Debug, Deserialize)]
struct RawLine {
    id: String,
    amount: String,
    currency: String,
    status: String,
    refunded: String,
}

/// A line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    number: u64,
    id: String,
    amount: Decimal,
    currency: String,
    settlement: Settlement,
    refunded: Decimal,
}

/// The money of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settlement {
    Paid,
    Authorized,
    Unpaid,
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paid => "paid",
            Self::Authorized => "authorized",
            Self::Unpaid => "not paid",
        })
    }
}

impl Settlement {
    /// Parses the status names that providers use.
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "paid" | "approved" | "succeeded" | "captured" | "refunded" | "partially_refunded" => Some(Self::Paid),
            "authorized" | "requires_capture" | "uncaptured" => Some(Self::Authorized),
            "declined"
            | "failed"
            | "canceled"
            | "cancelled"
            | "pending"
            | "processing"
            | "requires_payment_method"
            | "requires_confirmation"
            | "requires_action" => Some(Self::Unpaid),
            _ => None,
        }
    }

    fn of(payment: &ListedPayment) -> Self {
        match payment.status.as_str() {
            "authorized" | "capturing" => Self::Authorized,
            _ if payment.captured.is_positive() => Self::Paid,
            _ => Self::Unpaid,
        }
    }
}

/// Parses a report (RFC 4180 CSV) with the columns `id`, `amount`, `currency`, `status` and `refunded`, in any order;
/// others are ignored.
///
/// # Errors
/// All lines that can't be parsed, each with its number and reason.
pub fn read(report: impl std::io::Read) -> Result<Vec<Line>, Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(report);
    let headers = reader.headers().cloned().map_err(|error| vec![format!("1: {error}")])?;
    let missing = |name: &&str| !headers.iter().any(|header| header == *name);
    let missing: Vec<&str> = ["id", "amount", "currency", "status", "refunded"].into_iter().filter(missing).collect();
    if !missing.is_empty() {
        return Err(vec![format!("1: there is no column {}", missing.join(", "))]);
    }
    let mut lines = Vec::new();
    let mut errors = Vec::new();
    let mut seen = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                errors.push(format!("{number}: {error}"));
                continue;
            }
        };
        let number = record.position().map_or(0, csv::Position::line);
        match line(number, &record, &headers) {
            Ok(line) => {
                if let Some(first) = seen.insert(line.id.clone(), number) {
                    errors.push(format!("{number}: {} is already on line {first}", line.id));
                }
                lines.push(line);
            }
            Err(why) => errors.push(format!("{number}: {why}")),
        }
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

fn line(number: u64, record: &csv::StringRecord, headers: &csv::StringRecord) -> Result<Line, String> {
    let raw: RawLine = record.deserialize(Some(headers)).map_err(|error| error.to_string())?;
    let currency = Currency::parse(&raw.currency.to_ascii_uppercase()).map_err(|why| format!("currency: {why}"))?;
    let amount = |name: &str, text: &str| {
        let minor = Decimal::parse(text).and_then(|amount| amount.minor(currency.digits()));
        minor.map(|minor| Decimal::new(minor, currency.digits())).map_err(|why| format!("{name}: {why}"))
    };
    let settlement = Settlement::parse(&raw.status);
    if raw.id.is_empty() {
        return Err("the id is empty".to_owned());
    }
    Ok(Line {
        number,
        amount: amount("amount", &raw.amount)?,
        currency: currency.code().to_owned(),
        settlement: settlement.ok_or_else(|| format!("status: '{}' is not the status of a payment", raw.status))?,
        refunded: amount("refunded", if raw.refunded.is_empty() { "0" } else { &raw.refunded })?,
        id: raw.id,
    })
}

/// All differences between a report and the service's payments. The id of a line is the provider's or the service's id
/// of the payment. Payments that are neither paid nor authorized may be missing from the report.
pub fn differences(lines: &[Line], ours: &[ListedPayment]) -> Vec<String> {
    let names = |payment: &ListedPayment| [payment.reference.clone(), Some(payment.payment_id.clone())];
    let mut by_name = BTreeMap::new();
    for (index, payment) in ours.iter().enumerate() {
        names(payment).into_iter().flatten().for_each(|name| _ = by_name.insert(name, index));
    }
    let mut found = Vec::new();
    let mut reported = BTreeMap::new();
    for line in lines {
        let Line { number, id, .. } = line;
        let Some((index, payment)) = by_name.get(id).and_then(|index| Some((*index, ours.get(*index)?))) else {
            found.push(format!("{id} (line {number}): there is no such payment with us"));
            continue;
        };
        match reported.insert(index, number) {
            Some(first) => found.push(format!("{id} (line {number}): the payment is also on line {first}")),
            None => found.extend(compare(line, payment)),
        }
    }
    for (index, payment) in ours.iter().enumerate().filter(|(_, payment)| Settlement::of(payment) != Settlement::Unpaid)
    {
        if !reported.contains_key(&index) {
            let id = payment.reference.as_ref().unwrap_or(&payment.payment_id);
            let settlement = Settlement::of(payment);
            let status = &payment.status;
            found.push(format!("{id}: it is not in the report, but {settlement} with us ({status})"));
        }
    }
    found
}

fn compare(line: &Line, payment: &ListedPayment) -> Vec<String> {
    let Line { number, id, .. } = line;
    let settlement = Settlement::of(payment);
    let amount = if settlement == Settlement::Paid { payment.captured } else { payment.amount.unwrap_or_default() };
    let currency = payment.currency.clone().unwrap_or_default().to_ascii_uppercase();
    let pairs = [
        ("status", line.settlement.to_string(), settlement.to_string()),
        ("amount", line.amount.to_string(), amount.to_string()),
        ("currency", line.currency.clone(), currency),
        ("refunded", line.refunded.to_string(), payment.refunded.to_string()),
    ];
    let differ = pairs.into_iter().filter(|(_, theirs, ours)| theirs != ours);
    differ
        .map(|(what, theirs, ours)| format!("{id} (line {number}): {what} is {theirs} in the report, {ours} with us"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(name: &str, status: &str, captured: i64, refunded: i64) -> ListedPayment {
        ListedPayment {
            payment_id: format!("payment-{name}"),
            reference: Some(format!("pi_{name}")),
            provider: "stripe".to_owned(),
            status: status.to_owned(),
            amount: Some(Decimal::new(1050, 2)),
            currency: Some("BRL".to_owned()),
            captured: Decimal::new(captured, 2),
            refunded: Decimal::new(refunded, 2),
        }
    }

    fn report(text: &str) -> Vec<Line> {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_report_that_agrees_has_no_differences() {
        let lines = report(
            "id,amount,currency,status,refunded,fee\n\
             pi_a,10.50,brl,succeeded,0.00,0.3\n\
             payment-b, 10.50 ,BRL,refunded,10.50,0\n\
             pi_c,10.50,BRL,requires_capture,,0\n\
             pi_d,10.50,BRL,canceled,0,0\n",
        );
        let payments = [
            ours("a", "approved", 1050, 0),
            ours("b", "refunded", 1050, 1050),
            ours("c", "authorized", 0, 0),
            ours("d", "declined", 0, 0),
            ours("e", "cancelled", 0, 0),
        ];
        assert_eq!(differences(&lines, &payments), Vec::<String>::new());
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        let lines =
            report("id,amount,currency,status,refunded\npi_a,500,jpy,succeeded,0\npi_b,0.500,KWD,succeeded,0\n");
        let yen = ListedPayment {
            amount: Some(Decimal::new(500, 0)),
            captured: Decimal::new(500, 0),
            refunded: Decimal::new(0, 0),
            currency: Some("JPY".to_owned()),
            ..ours("a", "approved", 0, 0)
        };
        let dinar = ListedPayment {
            amount: Some(Decimal::new(500, 3)),
            captured: Decimal::new(500, 3),
            refunded: Decimal::new(0, 3),
            currency: Some("KWD".to_owned()),
            ..ours("b", "approved", 0, 0)
        };
        assert_eq!(differences(&lines, &[yen, dinar]), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_reported_with_its_line() {
        let lines = report(
            "status,id,amount,refunded,currency\n\
             succeeded,pi_a,10.05,3.00,USD\n\
             failed,pi_b,10.50,0,BRL\n\
             succeeded,pi_x,1.00,0,BRL\n\
             succeeded,payment-a,10.50,0,BRL\n",
        );
        let payments = [ours("a", "approved", 1050, 0), ours("b", "approved", 1050, 0), ours("c", "capturing", 0, 0)];
        let expected = [
            "pi_a (line 2): amount is 10.05 in the report, 10.50 with us",
            "pi_a (line 2): currency is USD in the report, BRL with us",
            "pi_a (line 2): refunded is 3.00 in the report, 0.00 with us",
            "pi_b (line 3): status is not paid in the report, paid with us",
            "pi_x (line 4): there is no such payment with us",
            "payment-a (line 5): the payment is also on line 2",
            "pi_c: it is not in the report, but authorized with us (capturing)",
        ];
        assert_eq!(differences(&lines, &payments), expected);
    }

    #[test]
    fn every_line_that_cannot_be_parsed_is_reported_with_its_number() {
        let wrong = read(
            "id,amount,currency,status,refunded\n\
             pi_a,ten,BRL,succeeded,0\n\
             pi_b,10.50,BRL,perhaps,0\n\
             pi_c,10.50,BRL\n\
             ,10.50,BRL,succeeded,0\n\
             pi_d,10.50,BRL,succeeded,0\n\
             pi_d,10.50,BRL,succeeded,0\n\
             pi_e,10.50,BRL,succeeded,0.001\n"
                .as_bytes(),
        )
        .unwrap_err();
        let lines: Vec<&str> = wrong.iter().map(|line| line.split_once(':').unwrap().0).collect();
        assert_eq!(lines, ["2", "3", "4", "5", "7", "8"], "{wrong:#?}");
        assert!(wrong[1].contains("'perhaps'") && wrong[5].contains("refunded"), "{wrong:#?}");
        let unknown = read("id,amount,currency,status,refunded\npi_a,10,XTS,succeeded,0\n".as_bytes()).unwrap_err();
        assert!(unknown[0].starts_with("2: currency: 'XTS'"), "{unknown:?}");
        let columns = read("id,amount\n".as_bytes()).unwrap_err();
        assert_eq!(columns, ["1: there is no column currency, status, refunded"]);
    }
}
