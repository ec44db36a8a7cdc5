DELETE FROM control.lanes WHERE service = 'tally';
