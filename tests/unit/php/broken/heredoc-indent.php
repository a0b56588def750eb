<?php
$b = <<<EOT
    first
  second
    EOT;
