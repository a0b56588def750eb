<?php
$aliases['a'] = array (
  'uri' => 'a.test'
  'root' => '/srv',
);
