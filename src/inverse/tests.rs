use blind_rsa_signatures::reexports::crypto_bigint::{
    BoxedUint, ConcatenatingMul, NonZero, Odd, RandomBits, RandomMod, Resize,
};
use blind_rsa_signatures::DefaultRng;

use super::*;
use crate::test_support::test;

/// A number of exactly so many bits, and odd.
fn random_odd(bits: u32) -> BoxedUint {
    let one = BoxedUint::one_with_precision(bits);
    BoxedUint::random_bits(&mut DefaultRng, bits) | &one | one.shl(bits - 1)
}

/// Its words, and one more, for the bits are not always as many as the words have.
fn words(number: &BoxedUint) -> Vec<u32> {
    let bytes = number.to_le_bytes();
    let words = (8 * bytes.len()).div_ceil(WORD_BITS as usize) + 1;
    repacked(bytes.iter().map(|byte| u32::from(*byte)), 8, WORD_BITS, words).to_vec()
}

/// Whether there is an inverse; when there is, it is crypto-bigint's.
fn check(x: &BoxedUint, n: &BoxedUint) -> bool {
    let expected: Option<BoxedUint> = x.invert_odd_mod(&Odd::new(n.clone()).unwrap()).into();
    let found = inverse_mod(&words(x), &words(n), n.bits());
    assert_eq!(found.as_deref(), expected.as_ref().map(words).as_ref(), "{x} modulo {n}");
    found.is_some()
}

#[test]
fn inverses_are_those_of_crypto_bigint() {
    let mut inverted = 0;
    for bits in (2..=130).chain([255, 256, 257, 1000]).chain(2040..=2056).chain([2070, 2079, 3071, 3072, 4090, 4096]) {
        let n = random_odd(bits);
        let one = BoxedUint::one_with_precision(bits);
        let [zero, last] = [one.wrapping_sub(&one), n.wrapping_sub(&one)];
        assert!(!check(&zero, &n) && check(&one, &n) && check(&last, &n) && check(&last.shr(1), &n));
        let random = || BoxedUint::random_mod_vartime(&mut DefaultRng, &NonZero::new(n.clone()).unwrap());
        inverted += (0..4).filter(|_| check(&random(), &n)).count();
    }
    assert!(inverted > 300, "{inverted}");
}

#[test]
fn there_is_no_inverse_of_what_has_a_common_factor() {
    for (factor, rest) in
        [(2, 2), (2, 30), (30, 31), (61, 61), (128, 900), (1024, 1024), (20, 2028), (2040, 8), (2048, 2048)]
    {
        let factor = random_odd(factor);
        let n = factor.concatenating_mul(random_odd(rest));
        for times in [1, 2, 3_u32] {
            let x = factor.concatenating_mul(BoxedUint::from(times).resize(rest)).resize(n.bits_precision());
            assert!(x >= n || !check(&x, &n), "{x} modulo {n}");
        }
    }
}

#[test]
fn d_and_e_stay_above_twice_the_negative_modulus_and_below_the_modulus() {
    let limbs = |number: i128| [number as i32 & LIMB_MASK, (number >> 30) as i32 & LIMB_MASK, (number >> 60) as i32];
    let value = |limbs: [i32; 3]| limbs.iter().rev().fold(0_i128, |value, limb| (value << 30) + i128::from(*limb));
    for n in [(1 << 89) + 1, (1 << 90) - 1, 0x3a5_a5a5_a5a5_a5a5_a5a5_a5a5_i128] {
        let inverse = inverse_of_lowest(n as i32 & LIMB_MASK);
        let extremes = [1 - 2 * n, -n, -1, 0, n - 1];
        for (d, e) in extremes.iter().flat_map(|d| extremes.map(|e| (*d, e))) {
            for (u, v) in
                [(1_i64 << 30, 0), (1 << 29, 1 << 29), (-1 << 29, 1 << 29), (-1 << 30, 0), (1, -1), (0, 1 << 30)]
            {
                let mut de: Vec<[i32; 2]> = iter::zip(limbs(d), limbs(e)).map(|(d, e)| [d, e]).collect();
                apply_mod(&[u, v, v, u], &mut de, &limbs(n), inverse, &Masks::new());
                let found = [0, 1].map(|row| value([0, 1, 2].map(|at: usize| de[at][row])));
                for (found, (u, v)) in iter::zip(found, [(u, v), (v, u)]) {
                    assert!(-2 * n < found && found < n, "{u} {d} + {v} {e} modulo {n}: {found}");
                    assert_eq!(((found << 30) - i128::from(u) * d - i128::from(v) * e) % n, 0);
                }
            }
        }
    }
}

#[test]
fn as_many_divsteps_as_were_proven_enough() {
    // ⌊(45907 · 2048 + 26313) / 19929⌋ = 4718, and 9436 for 4096 bits, in thirties.
    assert_eq!([256, 2048, 4096].map(batches), [20, 158, 315]);
}
