<?php
$a = 1;
/* what follows
$b = 2;
