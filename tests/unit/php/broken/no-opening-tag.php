$aliases['a'] = array (
);
