<?php
$aliases['a'] = array (
  'context_type' 'site',
);
