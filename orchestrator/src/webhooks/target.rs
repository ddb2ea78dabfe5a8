//! The URL of a subscription: what it may be.

use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::Url;

use super::address::is_allowed;

/// What URLs may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// `http` beside `https`.
    pub http: bool,
    /// Networks besides the public addresses.
    pub networks: Vec<IpNet>,
}

impl Allowed {
    /// Reads the URL of a subscription.
    ///
    /// # Errors
    /// What is wrong with it, and what is valid.
    pub fn url(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.http => {}
            "http" => return Err("must begin with https:// (http:// needs webhooks.allow_http)".to_owned()),
            _ => return Err("must begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user or a password: the signature proves who sends".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not contain a fragment (#…)".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() {
            return Err("must name a host".to_owned());
        }
        // A host that is an address is not resolved.
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        match address.filter(|address| !is_allowed(*address, &self.networks)) {
            Some(address) => Err(not_public(address)),
            None => Ok(url),
        }
    }

    /// The addresses that a host has, if all of them may be called: which of them is called is not ours to choose.
    ///
    /// # Errors
    /// The one that may not, or there is none.
    pub fn addresses(&self, resolved: impl Iterator<Item = IpAddr>) -> Result<Vec<IpAddr>, String> {
        let all: Vec<IpAddr> = resolved.collect();
        match all.iter().find(|address| !is_allowed(**address, &self.networks)) {
            Some(address) => Err(format!("the host {}", not_public(*address))),
            None if all.is_empty() => Err("the host has no address".to_owned()),
            None => Ok(all),
        }
    }
}

fn not_public(address: IpAddr) -> String {
    format!("leads to {address}, which is no public address: webhooks.allowed_networks may allow it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_to_a_public_address_without_credentials_and_fragment() {
        let strict = Allowed { http: false, networks: Vec::new() };
        for valid in ["https://shop.example/hooks?x=1", "https://1.1.1.1:8443/", "https://[2606:4700:4700::1111]/"] {
            assert!(strict.url(valid).is_ok(), "{valid}");
        }
        let wrong = "shop.example http://shop.example/ ftp://shop.example/ file:///etc/passwd \
            https://user@shop.example/ https://user:secret@shop.example/ \
            https://shop.example/#a https://127.0.0.1/ https://127.1/ \
            https://2130706433/ https://0x7f.1/ https://0/ https://169.254.169.254/latest/meta-data https://[::1]/ \
            https://[::ffff:10.0.0.1]/";
        for wrong in wrong.split_whitespace().chain([""]) {
            assert!(strict.url(wrong).is_err(), "{wrong}");
        }
        let local = Allowed { http: true, networks: vec!["127.0.0.0/8".parse().unwrap()] };
        assert!(local.url("http://127.0.0.1:9000/").is_ok());
        assert!(local.url("http://10.0.0.1/").is_err());
    }

    #[test]
    fn a_host_with_an_address_that_is_not_allowed_is_not_called() {
        let strict = Allowed { http: false, networks: Vec::new() };
        let addresses = |texts: &[&str]| strict.addresses(texts.iter().map(|text| text.parse().unwrap()));
        assert_eq!(addresses(&["1.1.1.1"]).unwrap().len(), 1);
        assert!(addresses(&["1.1.1.1", "10.0.0.1"]).is_err());
        assert!(addresses(&[]).is_err());
    }
}
