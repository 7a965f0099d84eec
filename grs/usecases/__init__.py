"""What people and the timetable do: one verb family a file, callable from web, terminal and worker."""
