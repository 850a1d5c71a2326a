//! What is tried out while a world lives: a timetable that stands still, something supposed, a dead
//! alert that is to be tried again.

use engine::desk::Input;
use model::{Command, Request};

use super::{What, World};
use crate::{
    desk::{
        driver::Cause,
        estate::{HOUR, MINUTE},
        supposed,
    },
    dice::MILLION,
};

/// So often a look of the judge is an occasion to suppose something.
const SUPPOSED_PPM: u64 = MILLION / 40;
/// Estates in which it is tried; in larger ones it would take long and show nothing else.
const ITEMS_MAX: usize = 100;

impl World {
    /// The timetable stands still for a while, or goes on.
    pub(super) fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
        if stalled {
            let lasts = self.dice.span(MINUTE, 3 * HOUR);
            self.push(lasts, What::Stall(false));
        } else {
            self.again(self.climate.stall, What::Stall(true));
        }
        self.tell_progress();
    }

    /// The desk hears whether the timetable gets on.
    pub(super) fn tell_progress(&mut self) {
        if self.driver.is_some() {
            self.judge.progress(self.now, !self.stalled);
            let progress = !self.stalled;
            self.take(Cause::Progress, Input::Progress(progress), None);
        }
    }

    /// Somebody asks what would be; only while all is well, since nothing else can be foreseen.
    pub(super) fn suppose(&mut self) {
        let items = &self.estate.items;
        let quiet = self.bug.is_none()
            && self.pending.is_empty()
            && items.len() <= ITEMS_MAX
            && self.judge.is_all_well()
            && supposed::is_covered(self.now, &self.estate);
        if !quiet || !self.dice.chance(SUPPOSED_PPM) {
            return;
        }
        let place = self.dice.index(items.len());
        let item = &self.estate.items[place];
        let Some(driver) = self.driver.as_ref().filter(|_| item.present && !item.canary) else {
            return;
        };
        if self.looks.is_all_well() && self.shelf.is_all_well() {
            let world = (self.now, &self.shelf, &self.estate, &self.looks);
            let fault = supposed::fault_in(driver, world, place);
            self.judge.supposed(fault);
        }
    }

    /// What the store has of the alert that `request` wants to be tried again.
    pub(super) fn input_of(&self, ticket: u64, request: Request) -> Input {
        match request.command {
            Command::Redeliver { alert } => {
                let alert = self.shelf.alerts.get(&alert).cloned().map(Box::new);
                Input::Redeliver { ticket, request, alert }
            }
            _ => Input::Asked { ticket, request },
        }
    }
}
