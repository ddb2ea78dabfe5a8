//! Which addresses a webhook may be sent to: public ones, and the networks of `webhooks.allowed_networks`. Without this
//! anyone who may create a subscription could send requests to services inside the shop's network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks of IPv4 that are not public (IANA special-purpose registry), with multicast and what is reserved.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The networks of IPv6 within 2000::/3 that are not public, or lead to an IPv4 address.
const NOT_PUBLIC_V6: [(Ipv6Addr, u8); 5] = [
    // Protocol assignments, with Teredo and ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Returns true if an address is public. An IPv6 address that stands for one of IPv4 (mapped, or by NAT64) is what that
/// one is.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|(network, length)| is_in(v4.into(), (*network).into(), *length)),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(v4.into()),
            None => is_global(v6),
        },
    }
}

fn is_global(v6: Ipv6Addr) -> bool {
    let is_unicast = v6.segments()[0] & 0xe000 == 0x2000;
    is_unicast && !NOT_PUBLIC_V6.iter().any(|(network, length)| is_in(v6.into(), (*network).into(), *length))
}

/// The IPv4 address in a mapped one (`::ffff:0:0/96`) or one of NAT64 (`64:ff9b::/96`).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = v6.octets();
    let is_nat64 = v6.octets().starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]);
    v6.to_ipv4_mapped().or_else(|| is_nat64.then(|| Ipv4Addr::new(a, b, c, d)))
}

fn is_in(address: IpAddr, network: IpAddr, length: u8) -> bool {
    IpNet::new(network, length).is_ok_and(|network| network.contains(&address))
}

/// Returns true if a webhook may be sent to an address: it is public, or in one of these networks.
pub fn is_allowed(address: IpAddr, networks: &[IpNet]) -> bool {
    let canonical = address.to_canonical();
    is_public(address) || networks.iter().any(|network| network.contains(&address) || network.contains(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called() {
        let public = "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.1 198.17.255.255 \
            198.20.0.0 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001:81b::200e ::ffff:8.8.8.8 64:ff9b::808:808";
        for public in public.split_whitespace() {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let not_public = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 \
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 \
            198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 \
            ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::a00:1 64:ff9b::7f00:1 \
            64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 \
            fd12:3456::1 fe80::1 fec0::1 ff02::1 4000::1";
        for not_public in not_public.split_whitespace() {
            assert!(!is_public(not_public.parse().unwrap()), "{not_public}");
        }
    }

    #[test]
    fn networks_of_the_settings_are_called_too() {
        let networks = ["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let cases =
            [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("fd00::1", true), ("10.0.0.1", false), ("::1", false)];
        for (address, allowed) in cases {
            assert_eq!(is_allowed(address.parse().unwrap(), &networks), allowed, "{address}");
        }
    }
}
