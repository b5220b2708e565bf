//! Readers of sensor data: Bluetooth heart-rate packets, RR text and CSV.
