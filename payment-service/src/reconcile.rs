//! Holds a provider's report against our payments and says each difference. No I/O: both are given. `tools` reads them.

use std::collections::BTreeMap;
use std::fmt;

use common::money::Amount;
use serde::Deserialize;

/// A payment as our API lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ours {
    /// The payment's id.
    pub payment_id: String,
    /// The provider's own name for it.
    pub reference: Option<String>,
    /// Who took it.
    pub provider: String,
    /// Where it stands.
    pub status: String,
    /// How much was asked for.
    pub amount: Option<Amount>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// How much was taken.
    pub captured: Amount,
    /// How much of that was given back.
    pub refunded: Amount,
}

/// A line of a report, as it is written.
#[derive(Debug, Deserialize)]
struct Written {
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
    amount: Amount,
    currency: String,
    standing: Standing,
    refunded: Amount,
}

/// Where the money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Paid,
    Authorized,
    Unpaid,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paid => "paid",
            Self::Authorized => "authorized",
            Self::Unpaid => "not paid",
        })
    }
}

impl Standing {
    /// As providers call it.
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

    fn of(payment: &Ours) -> Self {
        match payment.status.as_str() {
            "authorized" | "capturing" => Self::Authorized,
            _ if payment.captured > Amount(0) => Self::Paid,
            _ => Self::Unpaid,
        }
    }
}

/// Reads a report: CSV with the columns `id`, `amount`, `currency`, `status` and `refunded`, in any order, and maybe
/// others.
///
/// # Errors
/// Everything that can't be read, each with its line number.
pub fn read(report: impl std::io::Read) -> Result<Vec<Line>, Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(report);
    let headers = reader.headers().cloned().map_err(|error| vec![format!("1: {error}")])?;
    let missing = |name: &&str| !headers.iter().any(|header| header == *name);
    let missing: Vec<&str> = ["id", "amount", "currency", "status", "refunded"].into_iter().filter(missing).collect();
    if !missing.is_empty() {
        return Err(vec![format!("1: there is no column {}", missing.join(", "))]);
    }
    let (mut lines, mut wrong, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                wrong.push(format!("{number}: {error}"));
                continue;
            }
        };
        let number = record.position().map_or(0, csv::Position::line);
        match line(number, &record, &headers) {
            Ok(line) => {
                if let Some(first) = seen.insert(line.id.clone(), number) {
                    wrong.push(format!("{number}: {} stands on line {first} already", line.id));
                }
                lines.push(line);
            }
            Err(why) => wrong.push(format!("{number}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(lines) } else { Err(wrong) }
}

fn line(number: u64, record: &csv::StringRecord, headers: &csv::StringRecord) -> Result<Line, String> {
    let written: Written = record.deserialize(Some(headers)).map_err(|error| error.to_string())?;
    let amount = |name: &str, text: &str| Amount::parse(text).map_err(|why| format!("{name}: {why}"));
    let standing = Standing::parse(&written.status);
    if written.id.is_empty() {
        return Err("the id is empty".to_owned());
    }
    Ok(Line {
        number,
        amount: amount("amount", &written.amount)?,
        currency: written.currency.to_ascii_uppercase(),
        standing: standing.ok_or_else(|| format!("status: '{}' is not a status of a payment", written.status))?,
        refunded: amount("refunded", if written.refunded.is_empty() { "0" } else { &written.refunded })?,
        id: written.id,
    })
}

/// Every difference between a report and our payments. A line belongs to the payment of which it names the provider's
/// reference or our id. What was neither paid nor authorized need not be in a report.
pub fn differences(lines: &[Line], ours: &[Ours]) -> Vec<String> {
    let names = |payment: &Ours| [payment.reference.clone(), Some(payment.payment_id.clone())];
    let mut by_name = BTreeMap::new();
    for (index, payment) in ours.iter().enumerate() {
        names(payment).into_iter().flatten().for_each(|name| _ = by_name.insert(name, index));
    }
    let (mut found, mut reported) = (Vec::new(), BTreeMap::new());
    for line in lines {
        let Line { number, id, .. } = line;
        let Some((index, payment)) = by_name.get(id).and_then(|index| Some((*index, ours.get(*index)?))) else {
            found.push(format!("{id} (line {number}): we know of no such payment"));
            continue;
        };
        match reported.insert(index, number) {
            Some(first) => found.push(format!("{id} (line {number}): the payment is on line {first} too")),
            None => found.extend(compare(line, payment)),
        }
    }
    for (index, payment) in ours.iter().enumerate().filter(|(_, payment)| Standing::of(payment) != Standing::Unpaid) {
        if !reported.contains_key(&index) {
            let id = payment.reference.as_ref().unwrap_or(&payment.payment_id);
            let (standing, status) = (Standing::of(payment), &payment.status);
            found.push(format!("{id}: it is not in the report, and {standing} with us ({status})"));
        }
    }
    found
}

fn compare(line: &Line, payment: &Ours) -> Vec<String> {
    let Line { number, id, .. } = line;
    let standing = Standing::of(payment);
    let amount = if standing == Standing::Paid { payment.captured } else { payment.amount.unwrap_or_default() };
    let currency = payment.currency.clone().unwrap_or_default().to_ascii_uppercase();
    let pairs = [
        ("status", line.standing.to_string(), standing.to_string()),
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

    fn ours(name: &str, status: &str, captured: i64, refunded: i64) -> Ours {
        Ours {
            payment_id: format!("payment-{name}"),
            reference: Some(format!("pi_{name}")),
            provider: "stripe".to_owned(),
            status: status.to_owned(),
            amount: Some(Amount(1050)),
            currency: Some("BRL".to_owned()),
            captured: Amount(captured),
            refunded: Amount(refunded),
        }
    }

    fn report(text: &str) -> Vec<Line> {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_the_same_on_both_sides_is_no_difference() {
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
    fn each_difference_is_said_with_its_line() {
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
            "pi_x (line 4): we know of no such payment",
            "payment-a (line 5): the payment is on line 2 too",
            "pi_c: it is not in the report, and authorized with us (capturing)",
        ];
        assert_eq!(differences(&lines, &payments), expected);
    }

    #[test]
    fn everything_that_cannot_be_read_is_said_with_its_line() {
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
        let columns = read("id,amount\n".as_bytes()).unwrap_err();
        assert_eq!(columns, ["1: there is no column currency, status, refunded"]);
    }
}
