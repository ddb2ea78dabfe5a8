//! Recognizes the numbers of payment cards in texts: no API takes them.

use uuid::Uuid;

/// The digits of the shortest card number.
const FEWEST_DIGITS: usize = 13;
/// The digits of the longest card number (ISO/IEC 7812-1). A longer run of digits is not a card number.
const MOST_DIGITS: usize = 19;
/// The most characters between two groups of a number.
const WIDEST_GAP: usize = 3;

/// The groups in which cards and forms print numbers; beside them only numbers in one group are recognized.
const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4], &[4, 4, 4, 4, 1], &[4, 4, 4, 4, 2], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];

/// Returns true if a text contains what looks like the number of a payment card: as many digits as its issuer's ranges
/// have, with a valid check digit (Luhn), in one group or in the groups that are printed on cards, which spaces or
/// dashes separate. UUIDs and longer runs of digits are ignored; product codes, phone numbers and times are in no range
/// of an issuer.
pub fn has_card_number(text: &str) -> bool {
    if text.bytes().filter(u8::is_ascii_digit).count() < FEWEST_DIGITS {
        return false;
    }
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut gap = 0;
    let mut end_of_uuid = 0;
    for (at, letter) in text.char_indices() {
        if at < end_of_uuid {
            continue;
        }
        let uuid = uuid_at(text, at);
        match (uuid, letter.to_digit(10).and_then(|digit| u8::try_from(digit).ok())) {
            (None, Some(digit)) => {
                match groups.last_mut().filter(|_| gap == 0) {
                    Some(group) => group.push(digit),
                    None => groups.push(vec![digit]),
                }
                gap = 0;
            }
            (None, None) if is_separator(letter) && gap < WIDEST_GAP => gap += 1,
            (Some(_), _) | (None, None) => {
                if is_card_in(&groups) {
                    return true;
                }
                groups.clear();
                gap = 0;
                end_of_uuid = at + uuid.unwrap_or_default();
            }
        }
    }
    is_card_in(&groups)
}

/// The length of the UUID that begins here, with hyphens or without: its digits may look like a card number by chance.
fn uuid_at(text: &str, at: usize) -> Option<usize> {
    let is_hex = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_hexdigit());
    if is_hex(text.get(..at)?.chars().next_back()) {
        return None;
    }
    [36, 32].into_iter().find(|length| {
        let ends = || !is_hex(text.get(at + length..).and_then(|rest| rest.chars().next()));
        text.get(at..at + length).is_some_and(|part| {
            let is_plain = *length == 36 || part.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_plain && ends() && Uuid::try_parse(part).is_ok()
        })
    })
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Returns true if a group, or some groups in a row, are a card number: other digits, such as an expiry date, may be
/// beside it.
fn is_card_in(groups: &[Vec<u8>]) -> bool {
    (0..groups.len()).any(|first| {
        let rest = groups.get(first..).unwrap_or_default();
        let alone = rest.first().is_some_and(|group| is_card(group));
        let is_printed = |grouping: &&[usize]| {
            rest.get(..grouping.len()).is_some_and(|groups| {
                let fits = groups.iter().zip(*grouping).all(|(group, digits)| group.len() == *digits);
                fits && is_card(&groups.concat())
            })
        };
        alone || GROUPINGS.iter().any(is_printed)
    })
}

fn is_card(digits: &[u8]) -> bool {
    (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len()) && is_issued(digits) && is_luhn(digits)
}

/// Returns true if digits begin and are as many as those of a payment card's issuer, by the ranges of ISO/IEC 7812 that
/// the card schemes publish: 13 digits of Visa, 14 of Diners Club, 15 of American Express and JCB, 16 and more of Mir,
/// Mastercard, JCB, Visa, Maestro, RuPay, UnionPay and Discover.
fn is_issued(digits: &[u8]) -> bool {
    let begin = digits.iter().take(4).fold(0, |all, digit| all * 10 + u32::from(*digit));
    match digits.len() {
        13 => matches!(begin, 4000..=4999),
        14 => matches!(begin, 3000..=3099 | 3600..=3699 | 3800..=3999),
        15 => matches!(begin, 1800 | 2131 | 3400..=3499 | 3700..=3799),
        _ => matches!(
            begin,
            2200..=2204 | 2221..=2720 | 3528..=3589 | 4000..=5899 | 6000..=6099 | 6200..=6599 | 6700..=6999
        ),
    }
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn is_luhn(digits: &[u8]) -> bool {
    let double = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let values = digits.iter().rev().map(|digit| u32::from(*digit)).enumerate();
    let sum: u32 = values.map(|(n, digit)| if n % 2 == 0 { digit } else { double(digit) }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn card_numbers_are_recognized_with_spaces_and_dashes_and_beside_other_text() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111 - 1111 - 1111 - 1111",
            "4111\u{2011}1111\u{a0}1111  1111",
            "card: 5555 5555 5555 4444 exp 12/27",
            "378282246310005",
            "3782 822463 10005",
            "3056 930902 5904",
            "30569309025904",
            "4222222222222",
            "2200000000000004",
            "2223003122003222",
            "3530111333300000",
            "6011111111111117",
            "6200000000000005",
            "6304000000000000000 ",
            "6304 0000 0000 0000 000",
            "4111 1111 1111 1111 12 27 123",
            "7 4111 1111 1111 1111",
            "x4111111111111111x",
            "3852cb18-9c19-4326-ac77-a1a0264bd98c 4111111111111111",
        ] {
            assert!(has_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_card_numbers() {
        for text in [
            "",
            "4111111111111112",
            "411111111111",
            "41111111111111111111",
            "4111 1111 a 1111 1111",
            "4111    1111 1111 1111",
            "41 11 11 11 11 11 11 11",
            "411 1111 1111 1111 11",
            "4222 222 222 222",
            // No range of an issuer has these.
            "1234567812345670",
            "2205000000000009",
            "2721000000000004",
            "3527000000000008",
            "5900000000000000",
            "6100000000000006",
            "6600000000000001",
            "9000000000000001",
            "5555555555554",
            // A boleto, an access key of an invoice, an IMEI, times in milli-, micro- and nanoseconds.
            "23793.38128 60007.827136 95000.063305 9 75520000370000",
            "35200714200166000187550010000000071364110710",
            "490154203237518",
            "1760000000000",
            "1760000000000000",
            "1760000000000000000",
            "7891000315502",
            "00012345600012",
            "+55 11 91234-5676",
            "+1 (415) 555-2671 +1 415 555 2672",
            "pm_1MqLiJLkdIwHu7ixUEgbFdYE",
            "Av. Paulista 1578, 01310-200",
            "12345678-1234-4123-8123-123456789012",
            "order/abcd4111-1111-1111-1111-1111abcdef01/2",
            "4111111111111111abcdefabcdefabcd",
        ] {
            assert!(!has_card_number(text), "{text}");
        }
    }

    /// Digits with a range of an issuer, made valid by the last one.
    fn valid(begin: &str, mut digits: Vec<u8>) -> Vec<u8> {
        for (digit, first) in digits.iter_mut().zip(begin.bytes()) {
            *digit = first - b'0';
        }
        digits.pop();
        let with = |check: u8| digits.iter().copied().chain([check]).collect::<Vec<u8>>();
        (0..10).map(with).find(|digits| is_luhn(digits)).unwrap()
    }

    fn grouped(digits: &[u8], grouping: &[usize], gap: &str) -> String {
        let mut digits = digits.iter();
        let groups = grouping.iter().map(|size| digits.by_ref().take(*size).map(u8::to_string).collect::<String>());
        groups.collect::<Vec<_>>().join(gap)
    }

    proptest! {
        #[test]
        fn every_number_of_an_issuer_is_recognized_in_the_usual_groupings(
            digits in proptest::collection::vec(0_u8..10, 13..=19),
            begin in prop::sample::select(vec!["2201", "2221", "2720", "3528", "4", "50", "58", "60", "65", "69"]),
            gap in prop::sample::select(vec![" ", "-", "\u{2011}", " - "]),
        ) {
            let length = digits.len();
            let begin = match length {
                13 => "4",
                14 => "36",
                15 => "37",
                _ => begin,
            };
            let digits = valid(begin, digits);
            prop_assert!(has_card_number(&grouped(&digits, &[length], "")));
            for grouping in GROUPINGS.iter().filter(|grouping| grouping.iter().sum::<usize>() == length) {
                let text = grouped(&digits, grouping, gap);
                let text = format!("n {text}.");
                prop_assert!(has_card_number(&text), "{}", text);
            }
        }

        #[test]
        fn a_number_is_not_recognized_within_more_digits_nor_in_other_groups(
            digits in proptest::collection::vec(0_u8..10, 16),
            more in "[0-9]{4,9}",
        ) {
            let digits = valid("4", digits);
            let text = grouped(&digits, &[16], "");
            for text in [format!("{text}{more}"), format!("{more}{text}")] {
                prop_assert!(!has_card_number(&text), "{}", text);
            }
            for grouping in [&[8, 8][..], &[4, 4, 8], &[5, 5, 6], &[1, 3, 4, 4, 4], &[4, 5, 4, 3]] {
                let text = grouped(&digits, grouping, " ");
                prop_assert!(!has_card_number(&text), "{}", text);
            }
        }

        #[test]
        fn uuids_are_no_card_numbers(high: u64, low: u64, before in "[ /=:\"a-f-]?") {
            let id = Uuid::from_u64_pair(high, low);
            prop_assume!(!before.ends_with(|letter: char| letter.is_ascii_hexdigit()));
            for text in [format!("{before}{id}"), format!("{before}{} {id}", id.simple())] {
                prop_assert!(!has_card_number(&text), "{}", text);
            }
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = has_card_number(&text);
        }
    }
}
