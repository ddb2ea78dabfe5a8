//! Tracking numbers of postal services: two letters for the type of item, eight digits, a check digit and the country
//! of origin (Universal Postal Union, standard S10, "Identification of postal items - 13-character identifier").

use crate::messages::Method;

/// S10's weights of the eight digits.
const WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];
/// How many serial numbers there are. S10 requires a year before a number is used again.
const SERIALS: u64 = 100_000_000;

/// The tracking number with this serial number. `country` is an ISO 3166-1 alpha-2 code.
pub fn number(method: Method, serial: u64, country: &str) -> String {
    // CA to CZ are parcels, EA to EZ is express mail (EMS).
    let item_type = match method {
        Method::Express => "EA",
        Method::Standard | Method::Pickup => "CA",
    };
    let digits = format!("{:08}", serial % SERIALS);
    let check = check_digit(&digits);
    format!("{item_type}{digits}{check}{country}")
}

/// S10's check digit: 11 minus the weighted sum modulo 11, where 10 becomes 0 and 11 becomes 5.
fn check_digit(digits: &str) -> u32 {
    let weighted = digits.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight);
    match 11 - weighted.sum::<u32>() % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

/// Returns true if it is a tracking number with a valid check digit.
pub fn is_valid(number: &str) -> bool {
    let parts = (number.get(..2), number.get(2..10), number.get(10..11), number.get(11..));
    let (Some(item_type), Some(digits), Some(check), Some(country)) = parts else { return false };
    let letters = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    let is_well_formed = letters(item_type) && letters(country) && digits.bytes().all(|b| b.is_ascii_digit());
    is_well_formed && check.parse() == Ok(check_digit(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        // The example of S10 (the weighted sum is 200), and one for each of the two exceptions.
        assert_eq!(check_digit("47312482"), 9);
        assert!(is_valid("RB473124829GB"));
        assert_eq!((check_digit("00000000"), check_digit("00000008")), (5, 0));
    }

    #[test]
    fn a_wrong_digit_is_detected_unless_the_standard_gives_two_sums_the_same_check_digit() {
        for serial in [0, 7, 12_345_678, 99_999_999, 100_000_000] {
            let number = number(Method::Standard, serial, "BR");
            assert!(number.len() == 13 && is_valid(&number), "{number}");
            for index in 2..10 {
                let mut wrong = number.clone().into_bytes();
                wrong[index] = b'0' + (wrong[index] - b'0' + 1) % 10;
                let is_detected = !is_valid(std::str::from_utf8(&wrong).unwrap());
                // 5 is the check digit of the sums with remainders 0 and 6.
                assert!(is_detected || wrong[10] == b'5', "{number} at {index}");
            }
        }
        assert_eq!(number(Method::Express, 1, "BR").get(..2), Some("EA"));
        assert!(!is_valid("") && !is_valid("CA00000001") && !is_valid("ca000000005BR") && !is_valid("éa000000005BR"));
    }
}
