<?php 
$aliases['a'] = array (
  'context_type' => 'site',
  'platform' => '@plat