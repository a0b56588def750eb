<?php
$a = 1;
}
