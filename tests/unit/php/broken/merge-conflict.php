<?php
$options['a'] = 'x';
<<<<<<< HEAD
$options['b'] = 'y';
=======
$options['b'] = 'z';
>>>>>>> other
