<?php
$options['mode'] = 0644;
$options['other'] = 0689;
