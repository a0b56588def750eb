<?php
$sites = array (
  'a.test' => 'b.test',
));
