"""What people judged, beside what papers print: from `zoo.people.results` to the reports of `zoo.evidence.report`."""
