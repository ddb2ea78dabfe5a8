//! Holidays of known years, from the official calendars of each country.

use proptest::prelude::*;

use super::*;

/// The days of a year without the year, such as `01-01 04-03`.
fn of(country: &str, year: i16) -> String {
    let all: Vec<String> = holidays(country, year).into_iter().map(|day| day.strftime("%m-%d").to_string()).collect();
    all.join(" ")
}

#[test]
fn easter_is_that_of_the_gregorian_calendar() {
    for (year, day) in [(1818, "03-22"), (1943, "04-25"), (2000, "04-23"), (2026, "04-05"), (2038, "04-25")] {
        assert_eq!(easter(year).unwrap().strftime("%m-%d").to_string(), day, "{year}");
    }
    assert_eq!(easter(1500), None);
}

#[test]
fn the_holidays_of_brazil_are_those_of_its_federal_laws() {
    assert_eq!(of("BR", 2026), "01-01 04-03 04-21 05-01 09-07 10-12 11-02 11-15 11-20 12-25");
    assert_eq!(of("BR", 2023), "01-01 04-07 04-21 05-01 09-07 10-12 11-02 11-15 12-25", "20 November since 2024");
    assert_eq!(of("BR", 2031), "01-01 04-11 04-21 05-01 09-07 10-12 11-02 11-15 11-20 12-25");
}

#[test]
fn the_holidays_of_portugal_are_those_of_its_labour_code() {
    let of_2026 = "01-01 04-03 04-05 04-25 05-01 06-04 06-10 08-15 10-05 11-01 12-01 12-08 12-25";
    assert_eq!(of("PT", 2026), of_2026);
    let of_2027 = "01-01 03-26 03-28 04-25 05-01 05-27 06-10 08-15 10-05 11-01 12-01 12-08 12-25";
    assert_eq!(of("PT", 2027), of_2027);
}

#[test]
fn a_holiday_of_the_united_states_on_a_weekend_frees_the_nearest_weekday() {
    // 4 July 2026 is a Saturday.
    assert_eq!(of("US", 2026), "01-01 01-19 02-16 05-25 06-19 07-03 07-04 09-07 10-12 11-11 11-26 12-25");
    // 1 January 2028 is a Saturday: its substitute is in 2027, as is that of Christmas 2027.
    assert!(of("US", 2027).ends_with("11-25 12-24 12-25 12-31"), "{}", of("US", 2027));
    assert!(of("US", 2020).starts_with("01-01 01-20 02-17 05-25 07-03"), "19 June since 2021");
}

#[test]
fn a_holiday_of_england_on_a_weekend_frees_the_next_weekday() {
    assert_eq!(of("GB", 2025), "01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26");
    // The two days of Christmas on a weekend, on Friday and Saturday, on Sunday and Monday.
    assert!(of("GB", 2027).ends_with("12-25 12-26 12-27 12-28"), "{}", of("GB", 2027));
    assert!(of("GB", 2026).ends_with("12-25 12-26 12-28"), "{}", of("GB", 2026));
    assert!(of("GB", 2022).ends_with("12-25 12-26 12-27"), "{}", of("GB", 2022));
    assert!(of("GB", 2022).starts_with("01-01 01-03"), "{}", of("GB", 2022));
}

#[test]
fn a_country_without_a_table_has_no_holidays() {
    assert_eq!((of("JP", 2026), of("br", 2026)), (String::new(), String::new()));
}

proptest! {
    #[test]
    fn every_year_has_its_holidays_and_easter_is_a_sunday_in_spring(year in 1_583..=9_999_i16) {
        for law in LAWS {
            let all = holidays(law.country, year);
            prop_assert!(all.len() >= 4 && all.iter().all(|day| day.year() == year), "{} {year}", law.country);
        }
        let sunday = easter(year).unwrap();
        let first = Date::new(year, 3, 22).unwrap();
        let last = Date::new(year, 4, 25).unwrap();
        prop_assert!(sunday.weekday() == Weekday::Sunday && (first..=last).contains(&sunday), "{sunday}");
    }

    #[test]
    fn a_weekday_is_free_for_each_day_that_has_a_substitute(year in 1_990..2_200_i16) {
        for country in ["US", "GB"] {
            let law = LAWS.iter().find(|law| law.country == country).unwrap();
            let days = law.days.iter().filter(|(_, since)| *since <= year).count();
            let free = law.of_year(year).into_iter().filter(|day| !is_weekend(*day)).count();
            prop_assert_eq!(free, days, "{} {}", country, year);
        }
    }
}
