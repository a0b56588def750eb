<?php 
$aliases['a'] = array (
  'context_type' => 'site',
  'aliases' => 
  array (
    0 => 'www.a.test',
  ),
