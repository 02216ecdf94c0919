//! What must hold in every picture: nothing is cut off, no text lies on other text.

use super::{drafts, style};
use crate::fixture;

#[test]
fn text_stays_in_the_picture_and_apart() {
    style::load_font().unwrap();
    let mut run = fixture::run();
    run.manifest.experiment.arms[2].connections = 1;
    let drafts = drafts(&run);
    assert!(drafts.len() >= 8, "{} pictures", drafts.len());
    for draft in drafts {
        let boxes = draft.picture.text_boxes();
        for (index, (text, from, to)) in boxes.iter().enumerate() {
            let name = &draft.name;
            let inside = from.0 >= 0.0 && to.0 <= style::WIDTH && from.1 >= 0.0;
            assert!(inside && to.1 <= draft.picture.height, "{name}: {text:?} is cut off");
            for (other, other_from, other_to) in &boxes[index + 1..] {
                let apart = to.0 <= other_from.0
                    || other_to.0 <= from.0
                    || to.1 <= other_from.1
                    || other_to.1 <= from.1;
                assert!(
                    apart || text.is_empty() || other.is_empty(),
                    "{name}: {text:?} on {other:?}"
                );
            }
        }
    }
}
