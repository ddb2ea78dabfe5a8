//! Tracking numbers as postal services write them, UPU S10: two letters that say what it is, eight digits, a check
//! digit, and the country it comes from (Universal Postal Union, standard S10, "Identification of postal items -
//! 13-character identifier").

use crate::messages::Method;

/// S10's weights of the eight digits.
const WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];
/// So many numbers there are before the first comes again. S10 wants a year between two of the same.
const SERIALS: u64 = 100_000_000;

/// The tracking number of the parcel with this serial number.
pub fn number(method: Method, serial: u64, country: &str) -> String {
    // CA to CZ are parcels, EA to EZ is express mail (EMS).
    let what = match method {
        Method::Express => "EA",
        Method::Standard | Method::Pickup => "CA",
    };
    let digits = format!("{:08}", serial % SERIALS);
    let check = check_digit(&digits);
    format!("{what}{digits}{check}{country}")
}

/// S10's check digit: 11 less the weighted sum modulo 11, where 10 is written 0 and 11 is written 5.
fn check_digit(digits: &str) -> u32 {
    let weighed = digits.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight);
    match 11 - weighed.sum::<u32>() % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

/// Whether it is a tracking number with the right check digit.
pub fn is_right(number: &str) -> bool {
    let parts = (number.get(..2), number.get(2..10), number.get(10..11), number.get(11..));
    let (Some(what), Some(digits), Some(check), Some(country)) = parts else { return false };
    let letters = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    let right = letters(what) && letters(country) && digits.bytes().all(|b| b.is_ascii_digit());
    right && check.parse() == Ok(check_digit(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        // The number by which S10 is explained (the weighted sum is 200), and one for each of the two exceptions.
        assert_eq!(check_digit("47312482"), 9);
        assert!(is_right("RB473124829GB"));
        assert_eq!((check_digit("00000000"), check_digit("00000008")), (5, 0));
    }

    #[test]
    fn a_wrong_digit_is_noticed_but_where_the_standard_gives_two_sums_the_same_check_digit() {
        for serial in [0, 7, 12_345_678, 99_999_999, 100_000_000] {
            let number = number(Method::Standard, serial, "BR");
            assert!(number.len() == 13 && is_right(&number), "{number}");
            for place in 2..10 {
                let mut wrong = number.clone().into_bytes();
                wrong[place] = b'0' + (wrong[place] - b'0' + 1) % 10;
                let noticed = !is_right(std::str::from_utf8(&wrong).unwrap());
                // 5 stands for the sums that leave 0 and 6.
                assert!(noticed || wrong[10] == b'5', "{number} at {place}");
            }
        }
        assert_eq!(number(Method::Express, 1, "BR").get(..2), Some("EA"));
        assert!(!is_right("") && !is_right("CA00000001") && !is_right("ca000000005BR") && !is_right("éa000000005BR"));
    }
}
