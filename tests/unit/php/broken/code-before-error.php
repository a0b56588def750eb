<?php
if (strlen('x')) {
  $a = 1;

$b = [1;
