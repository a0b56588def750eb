<?php
$a = foreach;
