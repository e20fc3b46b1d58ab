use blind_rsa_signatures::reexports::crypto_bigint::{BoxedUint, NonZero, RandomBits};
use blind_rsa_signatures::DefaultRng;

use super::*;
use crate::test_support::{test, Replay};

/// Moduli of every length modulo a word, some random and some at their limits.
fn moduli() -> Vec<Vec<u8>> {
    let lengths = (2..=70).chain([127, 128, 129, 1000]).chain(2040..=2080).chain([3072, 4095, 4096]);
    lengths
        .flat_map(|bits: u32| {
            let len = bits.div_ceil(8) as usize;
            let highest = 1 << ((bits - 1) % 8);
            let mut least = vec![0; len];
            least[0] = highest;
            least[len - 1] |= 1;
            let mut most = vec![0xff; len];
            most[0] = highest | (highest - 1);
            let random = BoxedUint::random_bits(&mut DefaultRng, bits).to_be_bytes();
            let mut random = random[random.len() - len..].to_vec();
            random[0] = random[0] & (highest | (highest - 1)) | highest;
            random[len - 1] |= 1;
            [least, most, random]
        })
        .collect()
}

fn uint(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice(bytes, 8 * bytes.len() as u32).unwrap()
}

/// Numbers of as many bytes: the smallest, the greatest, and some between.
fn numbers(n: &[u8]) -> Vec<Vec<u8>> {
    let one = [vec![0; n.len() - 1], vec![1]].concat();
    let last = [&n[..n.len() - 1], &[n[n.len() - 1] - 1]].concat();
    let random = || {
        let bytes = BoxedUint::random_bits(&mut DefaultRng, 8 * n.len() as u32).to_be_bytes();
        bytes[bytes.len() - n.len()..].to_vec()
    };
    vec![vec![0; n.len()], one, last, n.to_vec(), vec![0xff; n.len()], random(), random()]
}

#[test]
fn products_are_those_of_crypto_bigint() {
    for n in moduli() {
        let modulus = Modulus::new(&n);
        let divisor = NonZero::new(uint(&n)).unwrap();
        let numbers = numbers(&n);
        for (a, b) in numbers.iter().flat_map(|a| numbers.iter().map(move |b| (a, b))) {
            let [a_number, b_number] = [a, b].map(|bytes| modulus.number(bytes).unwrap());
            assert_eq!(modulus.bytes(&a_number), *a);
            let b_form = modulus.form(&b_number);
            let [a, b] = [a, b].map(|bytes| uint(bytes).rem(&divisor));
            let expected = a.mul_mod(&b, &divisor);
            assert_eq!(uint(&modulus.bytes(&modulus.times(&a_number, &b_form))), expected, "{a} {b} modulo {divisor}");
            assert_eq!(uint(&modulus.bytes(&modulus.number_of(&b_form))), b, "{b} modulo {divisor}");
        }
    }
}

#[test]
fn powers_are_products() {
    for n in moduli().into_iter().step_by(5) {
        let modulus = Modulus::new(&n);
        let base = modulus.number(&numbers(&n)[5]).unwrap();
        let form = modulus.form(&base);
        let mut expected = base.clone();
        for exponent in 2..40 {
            expected = modulus.times(&expected, &form);
            assert_eq!(modulus.number_of(&modulus.power(&form, exponent)), expected, "to the power of {exponent}");
        }
    }
}

#[test]
fn what_is_longer_than_the_modulus_is_no_number() {
    let modulus = Modulus::new(&[0xc5; 256]);
    assert!(modulus.number(&[0; 257]).is_none() && modulus.number(&[0xff; 256]).is_some());
    assert_eq!((modulus.len(), modulus.bits()), (256, 2048));
    assert_eq!(modulus.bytes(&modulus.number(&[1, 2]).unwrap())[254..], [1, 2]);
}

#[test]
fn random_numbers_are_above_0_and_below_the_modulus() {
    // Three bits: 5, and the others do not count.
    let modulus = Modulus::new(&[5]);
    let drawn = [0, 8, 5, 6, 7, 0xfd, 0xf4].map(|byte| vec![byte]);
    assert_eq!(modulus.bytes(&modulus.random(&mut Replay::new(drawn))), [4]);
}
