/**
 * The steps of a pass in blind-rsa-signatures 0.18.0, each measured alone (bench/crate/src/steps.rs), and what could stand in
 * their place. `times`: how often a pass takes the step; 0 for what no pass takes today.
 */
export const STEPS = {
  parse: { times: 0, title: 'reading the key, with its Montgomery parameters', when: 'once per key' },
  montgomery: { times: 0, title: 'Montgomery parameters alone', when: 'once per key' },
  hash: { times: 0, title: 'SHA-384 of the token input', when: 'part of the next one' },
  encode: { times: 1, title: 'hashing and EMSA-PSS-ENCODE', when: 'blind' },
  gcd: { times: 1, title: 'is the message coprime to n: a constant-time inversion in all but name', when: 'blind' },
  random: { times: 1, title: 'the blinding factor r, by rejection', when: 'blind' },
  invert: { times: 1, title: 'the inverse of r, constant-time', when: 'blind' },
  pow64: { times: 1, title: 'r^e over all bits that e has room for: 64 natively, 32 in wasm', when: 'blind' },
  mul_mod: { times: 2, title: 'a product mod n, by division', when: 'blind and finalize' },
  verify: { times: 1, title: 'RSA-PSS verification', when: 'finalize' },
  pow17: { times: 0, title: 'r^e over the 17 bits that e has', when: 'instead' },
  squarings: { times: 0, title: 'r^e by 16 squarings and a product', when: 'instead' },
  invert_vartime: { times: 0, title: 'the inverse of r by the same algorithm, in a time that depends on r', when: 'instead' },
  invert_bigint: { times: 0, title: 'the inverse of r by Euclid in BigInt, in a time that depends on r', when: 'instead', inJavaScript: true },
  montgomery_mul: { times: 0, title: 'a product of numbers in Montgomery form', when: 'instead' },
  montgomery_form: { times: 0, title: 'bringing a number into Montgomery form', when: 'instead' },
};

/**
 * What would make a pass faster than blind-rsa-signatures makes it. `saves` answers milliseconds from those of the steps.
 * `taken`: whether the package does it already.
 */
export const MENDS = [
  {
    title: 'one inversion instead of two: m is coprime to n, and r too, if m·r has an inverse, from which a product makes that of r',
    taken: false,
    saves: ({ gcd, montgomery_mul: product, montgomery_form: form }) => gcd - 2 * product - form,
  },
  {
    title: 'r^e by 16 squarings and a product: e is public, so the time may depend on it',
    taken: false,
    saves: ({ pow64, squarings }) => pow64 - squarings,
  },
  {
    title: 'an inversion in variable time by Euclid, over r times another random number, which hides r; as fast as in BigInt',
    taken: false,
    saves: ({ invert, invert_bigint: euclid, random, montgomery_mul: product }) => invert - euclid - random - 2 * product,
  },
  {
    title: 'verification by WebCrypto',
    taken: false,
    saves: ({ verify }, { webcryptoVerify }) => verify - webcryptoVerify,
  },
  {
    title: 'issuer keys parsed once and kept with their Montgomery parameters',
    taken: false,
    // Blinding and finalizing each read the key.
    saves: ({ parse }) => 2 * parse,
  },
  {
    title: 'products mod n in Montgomery form, not by division',
    taken: false,
    saves: ({ mul_mod: product, montgomery_mul: montgomery, montgomery_form: form }) => 2 * (product - montgomery - form),
  },
];
