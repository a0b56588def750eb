<?php
$aliases['a'] = array (
  0 => 'x',,
);
