//! Beats that are not what they seem, after Lipponen and Tarvainen (2019).
