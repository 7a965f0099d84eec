"""Grievance redress against citizens' charters, by the rules of Bangladesh's Cabinet Division."""
