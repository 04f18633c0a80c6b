"""What PersonaChatGen's authors measured on their data (Lee et al. 2022, Tables 3, 4, 6, 9 and 10, Figure 2)."""
