//! `[traces]`: whether, where and how many traces are sent.

use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// `[traces]`: spans for an OpenTelemetry collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    /// The collector's base URL; empty: no traces.
    pub endpoint: String,
    /// The share of the traces that begin here to sample, from 0 to 1.
    pub sample: f64,
    /// Headers of each request to the collector: `name=value`, separated by commas.
    pub secret_headers: Secret,
}

impl TraceSettings {
    /// Returns true if traces are sent.
    pub const fn are_on(&self) -> bool {
        !self.endpoint.is_empty()
    }

    /// The headers of each request to the collector, as pairs; `None` if the text has another format.
    pub fn headers(&self) -> Option<Vec<(String, String)>> {
        let text = self.secret_headers.reveal();
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let name = name.trim();
            let value = value.trim();
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            let is_value = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
            (is_name && is_value).then(|| (name.to_ascii_lowercase(), value.to_owned()))
        };
        pairs.map(pair).collect()
    }

    /// Calls `fault` with the key of each invalid value, and the allowed values.
    pub(super) fn check(&self, fault: &mut dyn FnMut(&[&str], &str)) {
        let url = &self.endpoint;
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let is_url = host.is_some_and(|host| {
            !host.is_empty() && !host.contains(['?', '#', '@']) && host.bytes().all(|b| b.is_ascii_graphic())
        });
        if self.are_on() && !is_url {
            let allowed = "must be the URL of a collector, such as \"http://localhost:4318\", or empty for no traces";
            fault(&["traces", "endpoint"], allowed);
        }
        if !(0.0..=1.0).contains(&self.sample) {
            fault(&["traces", "sample"], "must be a share from 0 (none) to 1 (all)");
        }
        if self.headers().is_none() {
            let allowed = "must be name=value, several separated by commas, such as \"authorization=Bearer KEY\"";
            fault(&["traces", "secret_headers"], allowed);
        } else if !self.are_on() && !self.secret_headers.is_empty() {
            fault(&["traces", "secret_headers"], "does nothing without traces.endpoint");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(endpoint: &str, sample: f64, headers: &str) -> Vec<String> {
        let settings = TraceSettings { endpoint: endpoint.to_owned(), sample, secret_headers: headers.into() };
        let mut faults = Vec::new();
        settings.check(&mut |key, _| faults.push(key.join(".")));
        faults
    }

    #[test]
    fn a_collector_has_a_url_a_share_and_headers() {
        for endpoint in ["", "http://localhost:4318", "https://traces.example/otlp/"] {
            assert_eq!(faults(endpoint, 0.01, ""), Vec::<String>::new(), "{endpoint}");
        }
        for endpoint in ["localhost:4318", "http://", "ftp://x", "http://a b", "http://user@host", "http://x?y"] {
            assert_eq!(faults(endpoint, 0.0, ""), ["traces.endpoint"], "{endpoint}");
        }
        for sample in [-0.1, 1.1, f64::NAN] {
            assert_eq!(faults("", sample, ""), ["traces.sample"], "{sample}");
        }
        let of = |text: &str| {
            let endpoint = "http://x".to_owned();
            TraceSettings { endpoint, sample: 1.0, secret_headers: text.into() }.headers()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let two = vec![pair("authorization", "Bearer a=b"), pair("x-team", "7")];
        assert_eq!(of("Authorization=Bearer a=b, x-team=7,"), Some(two));
        for wrong in ["authorization", "=x", "a b=c", "a=", "a=\n"] {
            assert_eq!((of(wrong), faults("http://x", 1.0, wrong)), (None, vec!["traces.secret_headers".to_owned()]));
        }
        assert_eq!(faults("", 1.0, "a=b"), ["traces.secret_headers"]);
    }
}
