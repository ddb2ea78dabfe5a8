//! Labels of shipments in ZPL II (Zebra Programming Language): 4 by 6 inches at 203 dots per inch, with the tracking
//! number as Code 128.

use std::fmt::Write as _;

use crate::entity::Shipment;

/// The longest line that fits, in characters.
const WIDTH: usize = 40;

/// The label of a shipment; `None` if it has no carrier.
pub fn zpl(shipment: &Shipment) -> Option<String> {
    let address = shipment.address.as_ref()?;
    let number = shipment.tracking_number.as_ref()?;
    let carrier = shipment.carrier?.name().to_uppercase();
    let method = shipment.method?.name().to_uppercase();
    // ^CI28: the text is UTF-8. ^FH: `_XX` in a field is a byte.
    let mut label = String::from("^XA\n^CI28\n^PW812\n^LL1218\n^LH0,0\n");
    let mut line = |y: u32, height: u32, text: &str| {
        let _ = writeln!(label, "^FO40,{y}^A0N,{height},{height}^FH_^FD{}^FS", field(text));
    };
    line(40, 50, &format!("{carrier}  {method}"));
    line(150, 30, &format!("From: {}", shipment.warehouse));
    line(220, 30, "To:");
    let locality = format!("{} {}", address.postal_code, address.city);
    let lines =
        [Some(&address.name), Some(&address.line1), address.line2.as_ref(), Some(&locality), Some(&address.country)];
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

/// Escapes a text as field data: command prefixes (`^`, `~`), the escape character (`_`) and `\` become bytes, control
/// characters become spaces.
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
    use crate::fixture::TestWarehouse;

    #[test]
    fn user_text_is_never_a_printer_command() {
        assert_eq!(field("^XA~JR_41\\\u{7}ção"), "_5EXA_7EJR_5F41_5C ção");
        assert_eq!(field(&"x".repeat(100)).len(), WIDTH);
    }

    #[test]
    fn a_label_has_the_address_and_a_pickup_has_no_label() {
        let warehouse = TestWarehouse::with_created_shipment();
        let label = zpl(warehouse.shipment()).unwrap();
        assert!(label.starts_with("^XA\n") && label.ends_with("^XZ\n"), "{label}");
        let number = warehouse.shipment().tracking_number.clone().unwrap();
        for text in [
            "Ana",
            "Rua A, 1",
            "50000-001 Recife",
            "STANDARD",
            "Pieces 3",
            &format!("^BCN,220,Y,N,N^FH_^FD{number}^FS"),
        ] {
            assert!(label.contains(text), "{text}: {label}");
        }
        let mut warehouse = TestWarehouse::with_reserved_order();
        warehouse.ship("pickup");
        assert_eq!(zpl(warehouse.shipment()), None);
    }
}
