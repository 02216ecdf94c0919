//! Which batches a sampled feed carries. The server and whoever reads the feed apply the same
//! function, so both know which batches must arrive without telling each other.

/// The increment of the splitmix64 generator: the odd number nearest to 2^64 divided by the
/// golden ratio. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whether the batch with sequence `seq` belongs to a sample of one in `one_in`. It depends
/// on nothing but its arguments. 0 and 1 choose every batch.
pub fn chosen(seed: u64, seq: u64, one_in: u64) -> bool {
    // The upper half of a product maps a uniform number to 0..one_in without a division.
    one_in < 2 || (u128::from(mix(seed, seq)) * u128::from(one_in)) >> 64 == 0
}

/// The `seq`-th output of splitmix64 that was seeded with a mixed `seed`: neighbouring seeds
/// would otherwise give the same stream, shifted by one.
fn mix(seed: u64, seq: u64) -> u64 {
    finish(finish(seed).wrapping_add(GOLDEN.wrapping_mul(seq.wrapping_add(1))))
}

fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_first_outputs() {
        // splitmix64 seeded with 0; finish(0) is 0, so the seed's own mixing changes nothing.
        assert_eq!(mix(0, 0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(0, 1), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn chooses_its_share_and_spreads_it() {
        for seed in [0, 1, 42, u64::MAX] {
            for one_in in [2, 3, 10, 100] {
                let picks: Vec<u64> = (0..100_000).filter(|&n| chosen(seed, n, one_in)).collect();
                let expected = 100_000.0 / one_in as f64;
                // Five standard deviations of a binomial count.
                let slack = 5.0 * (expected * (1.0 - 1.0 / one_in as f64)).sqrt();
                assert!((picks.len() as f64 - expected).abs() < slack, "{seed} {one_in}");
                let first_half = picks.iter().filter(|&&n| n < 50_000).count() as f64;
                assert!((first_half - expected / 2.0).abs() < slack, "{seed} {one_in}");
            }
        }
    }

    #[test]
    fn seeds_choose_differently_and_one_chooses_all() {
        let of = |seed| (0..2_000).filter(|&n| chosen(seed, n, 10)).collect::<Vec<_>>();
        assert_ne!(of(1), of(2));
        assert!((0..100).all(|n| chosen(7, n, 1) && chosen(7, n, 0)));
    }
}
