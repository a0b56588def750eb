<?php
$sites = [
  'a.test' => 'b.test',
);
