//! status_list
