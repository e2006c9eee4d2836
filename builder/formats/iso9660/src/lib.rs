//! ISO 9660 volumes with El Torito, Rock Ridge and Joliet whose files alias sectors of partitions.
