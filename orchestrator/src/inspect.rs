//! Derives the attempts, the incidents, the purchase and the subject of a saga from its state. Pure; shared by
//! the API, the pages and the view.

pub mod attempts;
pub mod incident;
pub mod purchase;
pub mod subject;
pub mod trouble;
