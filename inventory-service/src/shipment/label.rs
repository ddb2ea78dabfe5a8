//! A shipment's label in ZPL II, the language of label printers: 4 by 6 inches at 203 dots per inch, the tracking
//! number as Code 128.

use std::fmt::Write as _;

use super::Shipment;

/// The longest line that fits, in characters.
const WIDTH: usize = 40;

/// The label of a shipment that a carrier takes; none of any other.
pub fn zpl(shipment: &Shipment) -> Option<String> {
    let (address, number) = (shipment.address.as_ref()?, shipment.tracking_number.as_ref()?);
    let carrier = shipment.carrier?.name().to_uppercase();
    let method = shipment.method?.name().to_uppercase();
    // ^CI28: the text is UTF-8. Each field says with ^FH that `_XX` in it is a byte.
    let mut label = String::from("^XA\n^CI28\n^PW812\n^LL1218\n^LH0,0\n");
    let mut line = |y: u32, height: u32, text: &str| {
        let _ = writeln!(label, "^FO40,{y}^A0N,{height},{height}^FH_^FD{}^FS", field(text));
    };
    line(40, 50, &format!("{carrier}  {method}"));
    line(150, 30, &format!("From: {}", shipment.warehouse));
    line(220, 30, "To:");
    let place = format!("{} {}", address.postal_code, address.city);
    let lines =
        [Some(&address.name), Some(&address.line1), address.line2.as_ref(), Some(&place), Some(&address.country)];
    for (y, text) in (270..).step_by(55).zip(lines.into_iter().flatten()) {
        line(y, 45, text);
    }
    let pieces: u64 = shipment.items.iter().map(|line| line.quantity).sum();
    line(560, 30, &format!("Order {}", shipment.order_id));
    line(605, 30, &format!("Pieces {pieces}"));
    if let Some(date) = &shipment.estimated_date {
        line(650, 30, &format!("Estimated {date}"));
    }
    let _ = writeln!(label, "^FO40,740^BY3^BCN,220,Y,N,N^FH_^FD{}^FS", field(number));
    label.push_str("^XZ\n");
    Some(label)
}

/// A text as a field's data: what could be taken for a command (`^` and `~`), the mark itself and what can't be seen
/// are written as bytes.
fn field(text: &str) -> String {
    let mut data = String::new();
    for c in text.chars().take(WIDTH) {
        match c {
            '^' | '~' | '_' | '\\' => {
                let _ = write!(data, "_{:02X}", u32::from(c));
            }
            c if c.is_control() => data.push(' '),
            c => data.push(c),
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_is_no_command_of_the_printer() {
        assert_eq!(field("^XA~JR_41\\\u{7}ção"), "_5EXA_7EJR_5F41_5C ção");
        assert_eq!(field(&"x".repeat(100)).len(), WIDTH);
    }
}
